"""What `attend` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, shaped

from .oracles import gradients_of

attend = Exercise(
    "attend",
    points=13,
    stars=2,
    scaffold="goal",
    builds_on=("softmax",),
    hints=(
        "Three things in a row: scores between every query and every key, weights from the scores, an average of the "
        "values. What shape does each have?",
        "Scores are (B, H, T, S): a matrix product of q with k turned round in its last two dimensions. Scale them by "
        "the head width Dh, the last dimension of q, before anything else.",
        "A mask has to act before the softmax: `scores.masked_fill(~mask, -math.inf)`. For `causal`, `tril()` keeps "
        "what is on and below the diagonal. Then `softmax` along the last dimension, and a product with v.",
    ),
    forbidden=("torch.nn.functional.scaled_dot_product_attention",),
    stand_in="storyteller.transformer.attention.attend",
)


def qkv(draw, *, width=1, causal=False):
    """Queries, keys and values of random numbers; a head of width 1 needs no scale, so a wrong one costs once."""
    batch, heads, n_queries, n_keys = draw.sample(range(2, 7), 4)
    lengths = (n_keys if causal else n_queries, n_keys, n_keys)
    return [draw.tensor(batch, heads, length, width) for length in lengths]


@attend.case("averages the values by how well the keys fit", points=3)
def average(student, draw):
    q, k, v = qkv(draw)
    close(student.attend(q, k, v), F.scaled_dot_product_attention(q, k, v), "the output")


@attend.case("divides the scores by the square root of the head width", points=3)
def scaled(student, draw):
    q, k, v = qkv(draw, width=draw.choice([9, 16, 25]))
    close(student.attend(q, k, v), F.scaled_dot_product_attention(q, k, v), "the output")


@attend.case("looks only where the mask is True", points=3)
def with_mask(student, draw):
    for one_for_all in (True, False):  # the heads have one mask, or each has its own
        q, k, v = qkv(draw)
        batch, heads, n_queries, n_keys = *q.shape[:3], k.size(2)
        may = draw.tensor(batch, 1 if one_for_all else heads, n_queries, n_keys) > 0
        mask = may | (torch.arange(n_keys) == draw.randrange(n_keys))
        close(student.attend(q, k, v, mask=mask), F.scaled_dot_product_attention(q, k, v, attn_mask=mask), "the output")


@attend.case("looks at itself and backwards when causal", points=2)
def causally(student, draw):
    q, k, v = qkv(draw, causal=True)
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    close(student.attend(q, k, v, causal=True), wanted, "the output")


@attend.case("has a gradient of exactly 0 towards the future", points=1)
def no_future(student, draw):
    q, k, v = qkv(draw, causal=True)
    place = draw.randrange(q.size(2) - 1)
    cotangent = torch.zeros_like(v)
    cotangent[:, :, place] = 1.0
    _, of_keys, of_values = student.gradients("attend", q, k, v, cotangent=cotangent, causal=True).inputs
    for name, gradient in (("keys", of_keys), ("values", of_values)):
        shaped(gradient, k.shape, f"the gradient of the {name}")
        ahead = gradient[:, :, place + 1 :]
        equal(ahead, torch.zeros_like(ahead), f"the gradient of output {place} by the later {name}")


@attend.case("lets gradients through to queries, keys and values", points=1)
def attend_gradients(student, draw):
    q, k, v = qkv(draw)
    weight = draw.tensor(*q.shape)
    wanted = gradients_of(F.scaled_dot_product_attention, q, k, v, cotangent=weight)
    close(student.gradients("attend", q, k, v, cotangent=weight).inputs, list(wanted), "the gradients of q, k and v")
