"""What `attend` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal

from .oracles import WIDE, gradients_of

attend = Exercise(
    "attend",
    points=14,
    stars=2,
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


def qkv(draw, *, n_queries=4, n_keys=5, width=1, heads=2, batch=2):
    """Queries, keys and values of random numbers; a head of width 1 needs no scale, so a wrong one costs once."""
    shapes = (n_queries, n_keys, n_keys)
    return [draw.tensor(batch, heads, length, width, dtype=WIDE) for length in shapes]


@attend.case("averages the values by how well the keys fit", points=3)
def average(student, draw):
    q, k, v = qkv(draw)
    close(student.attend(q, k, v), F.scaled_dot_product_attention(q, k, v), "the output")


@attend.case("divides the scores by the square root of the head width", points=3)
def scaled(student, draw):
    q, k, v = qkv(draw, width=16)
    close(student.attend(q, k, v), F.scaled_dot_product_attention(q, k, v), "the output")


@attend.case("looks only where the mask is True", points=3)
def with_mask(student, draw):
    q, k, v = qkv(draw)
    mask = (draw.tensor(2, 1, 4, 5) > 0) | (torch.arange(5) == draw.randrange(5))
    close(student.attend(q, k, v, mask=mask), F.scaled_dot_product_attention(q, k, v, attn_mask=mask), "the output")


@attend.case("looks at itself and backwards when causal", points=2)
def causally(student, draw):
    q, k, v = qkv(draw, n_queries=5)
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    close(student.attend(q, k, v, causal=True), wanted, "the output")


@attend.case("has a gradient of exactly 0 towards the future", points=1)
def no_future(student, draw):
    q, k, v = qkv(draw, n_queries=6, n_keys=6)
    place = draw.randint(0, 3)
    cotangent = torch.zeros_like(v)
    cotangent[:, :, place] = 1.0
    _, of_keys, of_values = student.gradients("attend", q, k, v, cotangent=cotangent, causal=True).inputs
    for name, gradient in (("keys", of_keys), ("values", of_values)):
        ahead = gradient[:, :, place + 1 :]
        equal(ahead, torch.zeros_like(ahead), f"the gradient of output {place} by the later {name}")


@attend.case("lets gradients through to queries, keys and values", points=2)
def attend_gradients(student, draw):
    q, k, v = qkv(draw)
    weight = draw.tensor(2, 2, 4, 1, dtype=WIDE)
    wanted = gradients_of(F.scaled_dot_product_attention, q, k, v, cotangent=weight)
    close(student.gradients("attend", q, k, v, cotangent=weight).inputs, list(wanted), "the gradients of q, k and v")
