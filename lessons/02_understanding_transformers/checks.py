"""What the exercises of lesson 02 must do, case by case."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from storyteller.config import ModelConfig
from storyteller.transformer.attention import Attention
from storyteller.transformer.decoder import Block as LibraryBlock
from storyteller.transformer.decoder import Decoder, swiglu
from storyteller.transformer.decoder import SwiGLU as LibrarySwiGLU
from storyteller_course import Exercise, close, equal, true
from storyteller_course.parts.understanding_transformers import to_library

# --- Oracles: other ways to the same results ------------------------------------------------------------------------

WIDE = "float64"  # so that results can be compared closely


def gradients_of(function, *inputs, cotangent):
    """Outputs and gradients of a function of tensors, by PyTorch."""
    inputs = [one.detach().requires_grad_() for one in inputs]
    return torch.autograd.grad((function(*inputs) * cotangent).sum(), inputs)


def rotation(n_tokens, head_dim):
    """cos and sin of RoPE for the positions 0 to T - 1, with a base so small that all pairs turn visibly."""
    speeds = torch.tensor([50.0 ** (-2 * i / head_dim) for i in range(head_dim // 2)], dtype=torch.float64)
    angle = torch.arange(n_tokens)[:, None] * speeds  # (T, K/2)
    return angle.cos(), angle.sin()


def turned(x, cos, sin):
    """RoPE with complex numbers: a pair of features is one number, and turning is multiplying."""
    pair = torch.complex(*x.chunk(2, dim=-1)) * torch.complex(cos, sin)
    return torch.cat((pair.real, pair.imag), dim=-1)


def config_of(d_model, n_heads, d_ff, *, vocab_size=8, n_layers=1, max_seq_len=16):
    """The library's dense model of this shape."""
    return ModelConfig(
        vocab_size=vocab_size, max_seq_len=max_seq_len, d_model=d_model, n_layers=n_layers, n_heads=n_heads,
        n_kv_heads=n_heads, d_ff=d_ff, n_experts=0,
    )  # fmt: skip


def future_gradients(gradient, place):
    """The part of a gradient, (B, T, D), that belongs to tokens after `place`."""
    return gradient[:, place + 1 :]


# --- 1. Softmax -----------------------------------------------------------------------------------------------------

softmax = Exercise(
    "softmax",
    points=8,
    stars=1,
    hints=(
        "exp(1000) is more than a float can hold, but exp(x - c) / sum of exp(x - c) is the same for every c. Which c "
        "makes all exponents 0 or less?",
        "The largest number along `dim`: `x.amax(dim, keepdim=True)`. With keepdim the result still has as many "
        "dimensions as x, so it can be taken away from it.",
        "Three lines: subtract, `.exp()`, divide by `.sum(dim, keepdim=True)`. exp(-inf) is 0 by itself.",
    ),
    forbidden=("torch.softmax", "torch.log_softmax"),
)


@softmax.case("gives positive numbers that sum to 1, in the right proportions", points=2)
def proportions(student, draw):
    close(student.softmax(torch.log(torch.tensor([1.0, 2.0, 5.0]))), torch.tensor([0.125, 0.25, 0.625]), "the weights")
    x = draw.tensor(3, 4, dtype=WIDE, scale=2.0)
    close(student.softmax(x), torch.softmax(x, -1), "the weights of three rows")


@softmax.case("takes numbers of any size", points=2)
def any_size(student, draw):
    x = draw.tensor(4, 5, dtype=WIDE) + torch.tensor([[1000.0], [-1000.0], [0.0], [3000.0]], dtype=torch.float64)
    close(student.softmax(x), torch.softmax(x, -1), "the weights of rows around 1000, -1000, 0 and 3000")


@softmax.case("lets numbers compete along the dimension that is asked for", points=2)
def along(student, draw):
    x = draw.tensor(2, 3, 4, dtype=WIDE)
    for dim in (1, 0, -2):
        close(student.softmax(x, dim), torch.softmax(x, dim), f"the weights along dim={dim}")


@softmax.case("gives -inf no weight", points=1)
def masked(student, draw):
    x = draw.tensor(5, 6, dtype=WIDE).masked_fill(torch.ones(5, 6).triu(2).bool(), -math.inf)
    close(student.softmax(x, -1), torch.softmax(x, -1), "the weights")


@softmax.case("lets gradients through", points=1)
def differentiable(student, draw):
    x, weight = draw.tensor(3, 5, dtype=WIDE), draw.tensor(3, 5, dtype=WIDE)
    wanted = gradients_of(lambda one: torch.softmax(one, -1), x, cotangent=weight)
    close(student.gradients("softmax", x, cotangent=weight).inputs, list(wanted), "the gradient")


# --- 2. Attention ---------------------------------------------------------------------------------------------------

attend = Exercise(
    "attend",
    points=14,
    stars=2,
    builds_on=("softmax",),
    hints=(
        "Three things in a row: scores between every query and every key, weights from the scores, an average of the "
        "values. What shape does each have?",
        "Scores are (B, H, T, S): a matrix product of q with k turned round in its last two dimensions. Scale them by "
        "the head width K, the last dimension of q, before anything else.",
        "A mask has to act before the softmax: `scores.masked_fill(~mask, -math.inf)`. For `causal`, `tril()` keeps "
        "what is on and below the diagonal. Then `softmax` along the last dimension, and a product with v.",
    ),
    forbidden=(
        "torch.nn.functional.scaled_dot_product_attention",
        "storyteller.transformer.attention.attend",
    ),
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


# --- 3. Bug hunt: the mask ------------------------------------------------------------------------------------------

causal_mask = Exercise(
    "causal_mask",
    points=10,
    stars=2,
    bug_hunt=True,
    hints=(
        "Print the mask for three tokens, then for one query and three keys, then with real = [[True, True, False]]. "
        "Which of the three looks wrong, and in which row?",
        "The queries are the last of the keys: with one query and three keys, the query is key number 2. And with "
        "padding two rules must hold at once: which operator says so?",
        "Query i stands at column n_keys - n_queries + i, so take that slice of `column`. With `real`, a key is "
        "allowed if it was allowed before AND is real; a token itself stays allowed in any case.",
    ),
    forbidden=("storyteller.transformer.attention.causal_mask",),
)


def slow_mask(n_queries, n_keys, real):
    """Who may look at whom, pair by pair."""
    texts = real.tolist() if real is not None else [[True] * n_keys]
    mask = torch.zeros(len(texts), 1, n_queries, n_keys, dtype=torch.bool)
    for text, is_real in enumerate(texts):
        for query in range(n_queries):
            here = n_keys - n_queries + query
            for key in range(n_keys):
                mask[text, 0, query, key] = key == here or (key < here and is_real[key])
    return mask


def padded(draw, n_texts, n_keys):
    """Which tokens are real in texts that are padded on the left, at least one of them longer by two or more."""
    padding = [draw.randint(1, n_keys - 3) for _ in range(n_texts - 1)] + [0]
    return torch.arange(n_keys) >= torch.tensor(padding)[:, None]


@causal_mask.case("lets a query that follows other tokens see all of them", points=5)
def after_others(student, draw):
    n = draw.randint(3, 6)
    for n_queries in (1, 2):
        got = student.causal_mask(n_queries, n, device="cpu")
        equal(got, slow_mask(n_queries, n, None), f"the mask of {n_queries} queries after {n - n_queries} tokens")


@causal_mask.case("keeps the future closed where there is padding", points=5)
def padding_and_future(student, draw):
    n = draw.randint(5, 7)
    real = padded(draw, 3, n)
    got = student.causal_mask(n, n, real=real, device="cpu")
    true(
        getattr(got, "shape", None) != (3, 1, n, n) or not got.triu(1).any(),
        "With padding, a token may look at a later one: the model reads what it is to predict.",
        got=got,
    )
    equal(got, slow_mask(n, n, real), "the mask of three padded texts")


@causal_mask.case("still closes the future where nothing is padded", points=0)
def plain_square(student, draw):
    n = draw.randint(2, 6)
    equal(student.causal_mask(n, n, device="cpu"), slow_mask(n, n, None), "the mask of a whole text")


@causal_mask.case("still lets every token see itself, padding too", points=0)
def sees_itself(student, draw):
    n = draw.randint(4, 6)
    got = student.causal_mask(n, n, real=padded(draw, 2, n), device="cpu")
    equal(got.diagonal(dim1=-2, dim2=-1), torch.ones(2, 1, n, dtype=torch.bool), "the diagonal of the mask")


# --- 4. Bug hunt: heads ---------------------------------------------------------------------------------------------

attend_in_heads = Exercise(
    "attend_in_heads",
    points=8,
    stars=2,
    builds_on=("attend",),
    bug_hunt=True,
    hints=(
        "The result has the right shape, so shapes alone say nothing. Give it two tokens with quite different values "
        "and look whether the second one gathers anything from the first.",
        "`attend` takes its last two dimensions for tokens and features, and everything before for independent cases. "
        "Write down which dimension of the split q stands where.",
        "After the split the shape is (B, T, H, K). Attend wants (B, H, T, K): swap dimensions 1 and 2 before, and "
        "swap them back before the heads are put side by side.",
    ),
    forbidden=(
        "torch.nn.functional.scaled_dot_product_attention",
        "torch.nn.functional.multi_head_attention_forward",
    ),
)


def head_by_head(q, k, v, n_heads, causal=False):
    """Cut the features by hand, attend in each slice, and join."""
    slices = [[part.chunk(n_heads, dim=-1)[head] for part in (q, k, v)] for head in range(n_heads)]
    return torch.cat([F.scaled_dot_product_attention(*one, is_causal=causal) for one in slices], dim=-1)


@attend_in_heads.case("gathers from other tokens, in one head", points=2)
def one_head(student, draw):
    q, k, v = (draw.tensor(2, 4, 6, dtype=WIDE) for _ in range(3))
    close(student.attend_in_heads(q, k, v, 1), head_by_head(q, k, v, 1), "the output of one head")


@attend_in_heads.case("lets each head attend in its own slice of the features", points=3)
def several_heads(student, draw):
    q, k, v = (draw.tensor(2, 5, 12, dtype=WIDE) for _ in range(3))
    n_heads = draw.choice([3, 4])
    close(student.attend_in_heads(q, k, v, n_heads), head_by_head(q, k, v, n_heads), f"the output of {n_heads} heads")


@attend_in_heads.case("keeps the future closed when causal", points=2)
def heads_causally(student, draw):
    q, k, v = (draw.tensor(2, 4, 8, dtype=WIDE) for _ in range(3))
    got = student.attend_in_heads(q, k, v, 4, causal=True)
    close(got, head_by_head(q, k, v, 4, causal=True), "the output")


@attend_in_heads.case("takes more keys than queries", points=1)
def more_keys(student, draw):
    q, k, v = (draw.tensor(2, length, 8, dtype=WIDE) for length in (3, 5, 5))
    close(student.attend_in_heads(q, k, v, 2), head_by_head(q, k, v, 2), "the output")


@attend_in_heads.case("still gives one token with one head its own value", points=0)
def alone(student, draw):
    q, k, v = (draw.tensor(3, 1, 4, dtype=WIDE) for _ in range(3))
    close(student.attend_in_heads(q, k, v, 1, causal=True), v, "the output for a single token")


@attend_in_heads.case("still keeps the texts of a batch apart", points=0)
def texts_apart(student, draw):
    q, k, v = (draw.tensor(2, 3, 4, dtype=WIDE) for _ in range(3))
    together = student.attend_in_heads(q, k, v, 2)
    close(together[:1], student.attend_in_heads(q[:1], k[:1], v[:1], 2), "the output of the first text")


# --- 5. RoPE --------------------------------------------------------------------------------------------------------

apply_rope = Exercise(
    "apply_rope",
    points=12,
    stars=2,
    hints=(
        "Think of a pair of features as a point in the plane, and of the position as an angle. What do the two "
        "coordinates become when the point turns?",
        "Feature i goes with feature i + K/2, so the pairs are the two halves of the last dimension: "
        "`x[..., :half]` and `x[..., half:]`. The table has one column for each pair.",
        "With a and b for the halves: the new first half is a cos - b sin, the new second half a sin + b cos; put them "
        "together with `torch.cat` in the last dimension, and give back the dtype that came in with `.to`.",
    ),
    forbidden=("storyteller.transformer.attention.apply_rope",),
)


@apply_rope.case("turns a pair by its angle, counter-clockwise", points=3)
def one_pair(student, draw):
    quarter = torch.tensor([[0.0], [1.0]], dtype=torch.float64)  # cos of 90 degrees and of 0, for two positions
    x = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]], dtype=torch.float64)
    wanted = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]], dtype=torch.float64)
    close(student.apply_rope(x, quarter, 1 - quarter), wanted, "(1, 0) turned by 90 and by 0 degrees")
    angle = draw.tensor(4, 1, dtype=WIDE, scale=2.0)
    x = draw.tensor(2, 3, 4, 2, dtype=WIDE)
    close(student.apply_rope(x, angle.cos(), angle.sin()), turned(x, angle.cos(), angle.sin()), "the turned pairs")


@apply_rope.case("pairs feature i with feature i + K/2", points=3)
def pairs(student, draw):
    cos, sin = rotation(5, 8)
    x = draw.tensor(2, 3, 5, 8, dtype=WIDE)
    close(student.apply_rope(x, cos, sin), turned(x, cos, sin), "the turned features")


@apply_rope.case("makes scores depend on the distance of two tokens alone", points=2)
def distance_only(student, draw):
    cos, sin = rotation(12, 6)
    query, key = draw.tensor(6, dtype=WIDE), draw.tensor(6, dtype=WIDE)
    q, k = (student.apply_rope(one.expand(1, 1, 12, 6), cos, sin)[0, 0] for one in (query, key))
    scores = q @ k.T  # (12, 12), of the same query and key at all pairs of positions
    close(scores[:-1, :-1], scores[1:, 1:], "the scores with both tokens one place further on")
    true(scores[0].std() > 1e-3, "The scores do not depend on the position at all: nothing was turned.", got=q)


@apply_rope.case("takes texts that stand at different positions", points=1)
def own_positions(student, draw):
    cos, sin = rotation(9, 4)
    places = draw.integers(0, 9, 2, 3)
    x = draw.tensor(2, 2, 3, 4, dtype=WIDE)
    cos, sin = cos[places][:, None], sin[places][:, None]  # (B, 1, T, K/2)
    close(student.apply_rope(x, cos, sin), turned(x, cos, sin), "the turned features")


@apply_rope.case("gives back the dtype that it was given", points=1)
def same_dtype(student, draw):
    cos, sin = (part.float() for part in rotation(4, 4))
    x = draw.tensor(1, 2, 4, 4, dtype="bfloat16")
    close(student.apply_rope(x, cos, sin), turned(x.float(), cos, sin).bfloat16(), "the result", dtype=True)


@apply_rope.case("lets gradients through", points=2)
def rope_gradients(student, draw):
    cos, sin = rotation(4, 6)
    x, weight = draw.tensor(2, 2, 4, 6, dtype=WIDE), draw.tensor(2, 2, 4, 6, dtype=WIDE)
    [wanted] = gradients_of(lambda one: turned(one, cos, sin), x, cotangent=weight)
    close(student.gradients("apply_rope", x, cos, sin, cotangent=weight).inputs[0], wanted, "the gradient of x")


# --- 6. Multi-head attention ----------------------------------------------------------------------------------------

MultiHeadAttention = Exercise(
    "MultiHeadAttention",
    points=12,
    stars=3,
    builds_on=("attend", "apply_rope"),
    hints=(
        "Write the shapes down first: after the projections (B, T, D), in heads (B, H, T, K), at the end (B, T, D) "
        "again. The function that you have just mended shows the way there and back.",
        "Queries come from x; keys and values come from the context, or from x where it is None. RoPE turns "
        "what is compared, so only queries and keys.",
        "One line splits all three: a generator over (q, k, v) with `unflatten` and a swap of dimensions 1 and 2. "
        "`attend(q, k, v, causal=...)` is causal exactly when there is no context. Swap back, flatten, `self.out`.",
    ),
    forbidden=(
        "torch.nn.functional.scaled_dot_product_attention",
        "torch.nn.functional.multi_head_attention_forward",
        "storyteller.transformer.attention.Attention",
    ),
)


def projections(draw, d_model):
    """Weights for a multi-head attention."""
    return {f"{name}.weight": draw.tensor(d_model, d_model, dtype=WIDE, scale=0.5) for name in ("q", "k", "v", "out")}


def torch_attention(state, n_heads, x, context=None):
    """The same by `nn.MultiheadAttention`, causal without a context."""
    oracle = nn.MultiheadAttention(x.size(-1), n_heads, bias=False, batch_first=True, dtype=torch.float64)
    joined = torch.cat([state[f"{name}.weight"] for name in ("q", "k", "v")])
    oracle.load_state_dict({"in_proj_weight": joined, "out_proj.weight": state["out.weight"]})
    if context is not None:
        return oracle(x, context, context, need_weights=False)[0].detach()
    forbidden = torch.ones(x.size(1), x.size(1)).triu(1).bool()  # in PyTorch's class True forbids
    return oracle(x, x, x, attn_mask=forbidden, need_weights=False)[0].detach()


def loaded(student, name, *args, state):
    """The student's module with these weights."""
    module = student.new(name, *args)
    module.load(state)
    return module


@MultiHeadAttention.case("attends to the tokens before, in every head", points=3)
def self_attention(student, draw):
    state, x = projections(draw, 12), draw.tensor(2, 5, 12, dtype=WIDE)
    module = loaded(student, "MultiHeadAttention", 12, 3, state=state)
    close(module(x), torch_attention(state, 3, x), "the output")


@MultiHeadAttention.case("attends to all tokens of a context, when there is one", points=3)
def cross_attention(student, draw):
    state = projections(draw, 8)
    x, context = draw.tensor(2, 3, 8, dtype=WIDE), draw.tensor(2, 5, 8, dtype=WIDE)
    module = loaded(student, "MultiHeadAttention", 8, 2, state=state)
    close(module(x, context), torch_attention(state, 2, x, context), "the output")
    close(module(x, context[:, :3]), torch_attention(state, 2, x, context[:, :3]), "the output, for S = T")


@MultiHeadAttention.case("turns queries and keys where a rotation is given", points=2)
def with_rotation(student, draw):
    state, x = projections(draw, 8), draw.tensor(2, 6, 8, dtype=WIDE)
    module = loaded(student, "MultiHeadAttention", 8, 2, state=state)
    oracle = Attention(config_of(8, 2, 8)).double()
    oracle.load_state_dict(to_library(state))
    close(module(x, rotation=rotation(6, 4)), oracle(x, rotation=rotation(6, 4)), "the output")


@MultiHeadAttention.case("has a gradient of exactly 0 towards the future", points=2)
def attention_causality(student, draw):
    state, x = projections(draw, 8), draw.tensor(1, 6, 8, dtype=WIDE)
    place = draw.randint(1, 4)
    cotangent = torch.zeros_like(x)
    cotangent[:, place] = 1.0
    module = loaded(student, "MultiHeadAttention", 8, 4, state=state)
    [gradient] = module.gradients(x, cotangent=cotangent, rotation=rotation(6, 2)).inputs
    ahead = future_gradients(gradient, place)
    equal(ahead, torch.zeros_like(ahead), f"the gradient of output {place} by the tokens after it")
    true(gradient[:, 0].abs().sum() > 0, f"Output {place} does not depend on token 0.", got=gradient)


@MultiHeadAttention.case("lets gradients through to all four matrices", points=2)
def attention_gradients(student, draw):
    state, x = projections(draw, 8), draw.tensor(2, 4, 8, dtype=WIDE)
    weight = draw.tensor(2, 4, 8, dtype=WIDE)
    got = loaded(student, "MultiHeadAttention", 8, 2, state=state).gradients(x, cotangent=weight)
    names = list(state)

    def forward(*matrices):
        q, k, v, out = matrices
        return head_by_head(x @ q.T, x @ k.T, x @ v.T, 2, causal=True) @ out.T

    wanted = gradients_of(forward, *state.values(), cotangent=weight)
    close([got.parameters[name] for name in names], list(wanted), "the gradients of q, k, v and out")


# --- 7. RMSNorm -----------------------------------------------------------------------------------------------------

RMSNorm = Exercise(
    "RMSNorm",
    points=7,
    stars=1,
    hints=(
        "Read the formula from the inside out: square, mean, plus eps, root, divide, weigh.",
        "The mean goes over the features of each token, the last dimension; keepdim=True lets you divide by it.",
        "`x.pow(2).mean(dim=-1, keepdim=True)`, then x divided by `torch.sqrt` of that plus `self.eps`, times "
        "`self.weight`. Nothing is subtracted.",
    ),
    forbidden=(
        "torch.nn.functional.rms_norm",
        "torch.nn.functional.layer_norm",
        "storyteller.transformer.decoder.RMSNorm",
    ),
)


def norm_of(student, draw, width, **options):
    """The student's norm with drawn weights, and these."""
    weight = draw.tensor(width, dtype=WIDE) + 1.5
    module = student.new("RMSNorm", width, **options)
    module.load({"weight": weight})
    return module, weight


@RMSNorm.case("scales features to a root mean square of 1", points=2)
def scales(student, draw):
    module = student.new("RMSNorm", 4)
    close(
        module(torch.tensor([[3.0, 0.0, 4.0, 0.0]])), torch.tensor([[1.2, 0.0, 1.6, 0.0]]), "the output for 3, 0, 4, 0"
    )
    x = draw.tensor(3, 4, scale=5.0) + 2.0
    close(module(x), F.rms_norm(x, (4,), eps=1e-5), "the output")


@RMSNorm.case("treats each token by itself, however many dimensions lie around", points=1)
def token_by_token(student, draw):
    module, weight = norm_of(student, draw, 6)
    x = draw.tensor(2, 3, 6, dtype=WIDE) * torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)[:, None]
    close(module(x), F.rms_norm(x, (6,), weight, 1e-5), "the output")


@RMSNorm.case("weighs each feature", points=1)
def weighs(student, draw):
    module, weight = norm_of(student, draw, 5)
    x = draw.tensor(2, 5, dtype=WIDE)
    close(module(x), F.rms_norm(x, (5,), weight, 1e-5), "the output")


@RMSNorm.case("adds eps under the root, so that tiny numbers stay tiny", points=2)
def under_the_root(student, draw):
    module, weight = norm_of(student, draw, 4, eps=0.25)
    x = draw.tensor(3, 4, dtype=WIDE, scale=0.3)
    close(module(x), F.rms_norm(x, (4,), weight, 0.25), "the output with eps = 0.25")
    close(
        module(torch.zeros(2, 4, dtype=torch.float64)), torch.zeros(2, 4, dtype=torch.float64), "the output for zeros"
    )


@RMSNorm.case("lets gradients through", points=1)
def norm_gradients(student, draw):
    module, weight = norm_of(student, draw, 4)
    x, cotangent = draw.tensor(3, 4, dtype=WIDE), draw.tensor(3, 4, dtype=WIDE)
    wanted = gradients_of(lambda a, b: F.rms_norm(a, (4,), b, 1e-5), x, weight, cotangent=cotangent)
    got = module.gradients(x, cotangent=cotangent)
    close([*got.inputs, got.parameters["weight"]], list(wanted), "the gradients of x and of the weight")


# --- 8. SwiGLU ------------------------------------------------------------------------------------------------------

SwiGLU = Exercise(
    "SwiGLU",
    points=7,
    stars=1,
    hints=(
        "Three matrices: two of them read x, the third brings the result back to width D. Only one of the two is a "
        "gate.",
        "silu goes over the gate's projection alone; the up-projection is multiplied as it is.",
        "`F.silu(self.gate(x))` times `self.up(x)`, feature by feature with `*`, and `self.down` of the product.",
    ),
    forbidden=("storyteller.transformer.decoder.swiglu",),
)


def gated(draw, d_model, d_ff):
    """Weights for a SwiGLU."""
    shapes = {"gate": (d_ff, d_model), "up": (d_ff, d_model), "down": (d_model, d_ff)}
    return {f"{name}.weight": draw.tensor(*shape, dtype=WIDE) for name, shape in shapes.items()}


def library_swiglu(state, x):
    """The same by the library's function, which keeps gate and up in one matrix."""
    return swiglu(x, torch.cat((state["gate.weight"], state["up.weight"])), state["down.weight"])


@SwiGLU.case("opens and closes hidden features by the gate", points=3)
def opens(student, draw):
    state, x = gated(draw, 4, 6), draw.tensor(5, 4, dtype=WIDE)
    close(loaded(student, "SwiGLU", 4, 6, state=state)(x), library_swiglu(state, x), "the output")


@SwiGLU.case("lets the up-projection through as it is", points=2)
def up_is_plain(student, draw):
    state, x = gated(draw, 3, 4), draw.tensor(4, 3, dtype=WIDE)
    one = loaded(student, "SwiGLU", 3, 4, state=state)(x)
    state["up.weight"] = -2 * state["up.weight"]
    double = loaded(student, "SwiGLU", 3, 4, state=state)(x)
    close(double, -2 * one, "the output with the matrix `up` times -2")


@SwiGLU.case("treats each token by itself, however many dimensions lie around", points=1)
def any_shape(student, draw):
    state, x = gated(draw, 4, 5), draw.tensor(2, 3, 4, dtype=WIDE)
    close(loaded(student, "SwiGLU", 4, 5, state=state)(x), library_swiglu(state, x), "the output")


@SwiGLU.case("lets gradients through to all three matrices", points=1)
def swiglu_gradients(student, draw):
    state, x, cotangent = gated(draw, 4, 5), draw.tensor(3, 4, dtype=WIDE), draw.tensor(3, 4, dtype=WIDE)
    got = loaded(student, "SwiGLU", 4, 5, state=state).gradients(x, cotangent=cotangent)

    def forward(gate, up, down):
        return library_swiglu({"gate.weight": gate, "up.weight": up, "down.weight": down}, x)

    wanted = gradients_of(forward, *state.values(), cotangent=cotangent)
    close([got.parameters[name] for name in state], list(wanted), "the gradients of gate, up and down")


# --- 9. Block -------------------------------------------------------------------------------------------------------

Block = Exercise(
    "Block",
    points=10,
    stars=2,
    builds_on=("MultiHeadAttention", "RMSNorm", "SwiGLU"),
    hints=(
        "Two steps of the same form: take a normalised copy, let a part work on it, add the result to what was there.",
        "The path from x to the output must hold nothing but additions. So the norm acts on the copy that goes into "
        "the part, and neither on x itself nor on the sum.",
        "First `self.attention` on `self.attention_norm` of x, with the rotation handed on; then `self.feed_forward` "
        "on `self.feed_forward_norm` of the new x. Each time x + ...",
    ),
    forbidden=("storyteller.transformer.decoder.Block",),
)


def block_state(draw, d_model, d_ff, prefix=""):
    """Weights for a block."""
    parts = {
        "attention": projections(draw, d_model),
        "feed_forward": gated(draw, d_model, d_ff),
        "attention_norm": {"weight": draw.tensor(d_model, dtype=WIDE) + 1.5},
        "feed_forward_norm": {"weight": draw.tensor(d_model, dtype=WIDE) + 1.5},
    }
    return {f"{prefix}{part}.{name}": one for part, state in parts.items() for name, one in state.items()}


def library_block(state, d_model, n_heads, d_ff):
    """The library's block with these weights."""
    config = config_of(d_model, n_heads, d_ff)
    oracle = LibraryBlock(config, 0, attend=F_attend, feed_forward=LibrarySwiGLU).double()
    oracle.load_state_dict(to_library(state))
    return oracle


def F_attend(q, k, v, *, mask=None, causal=False):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


@Block.case("normalises what each part reads, and adds what it finds", points=4)
def pre_norm(student, draw):
    state, x = block_state(draw, 8, 12), draw.tensor(2, 5, 8, dtype=WIDE)
    module = loaded(student, "Block", 8, 2, 12, state=state)
    close(module(x), library_block(state, 8, 2, 12)(x, None, None, None)[0], "the output")


@Block.case("passes x on untouched where the parts have nothing to add", points=2)
def clear_path(student, draw):
    state, x = block_state(draw, 8, 8), draw.tensor(2, 4, 8, dtype=WIDE, scale=3.0)
    for name in ("attention.out.weight", "feed_forward.down.weight"):
        state[name] = torch.zeros_like(state[name])
    close(loaded(student, "Block", 8, 2, 8, state=state)(x), x, "the output where both parts give 0")


@Block.case("hands the rotation on to the attention", points=1)
def block_rotation(student, draw):
    state, x = block_state(draw, 8, 8), draw.tensor(2, 6, 8, dtype=WIDE)
    module = loaded(student, "Block", 8, 2, 8, state=state)
    wanted = library_block(state, 8, 2, 8)(x, rotation(6, 4), None, None)[0]
    close(module(x, rotation=rotation(6, 4)), wanted, "the output")


@Block.case("has a gradient of exactly 0 towards the future", points=1)
def block_causality(student, draw):
    state, x = block_state(draw, 8, 8), draw.tensor(1, 5, 8, dtype=WIDE)
    place = draw.randint(1, 3)
    cotangent = torch.zeros_like(x)
    cotangent[:, place] = draw.tensor(8, dtype=WIDE)
    [gradient] = loaded(student, "Block", 8, 2, 8, state=state).gradients(x, cotangent=cotangent).inputs
    ahead = future_gradients(gradient, place)
    equal(ahead, torch.zeros_like(ahead), f"the gradient of output {place} by the tokens after it")


@Block.case("lets gradients through to every parameter", points=2)
def block_gradients(student, draw):
    state, x, cotangent = block_state(draw, 4, 6), draw.tensor(2, 3, 4, dtype=WIDE), draw.tensor(2, 3, 4, dtype=WIDE)
    got = loaded(student, "Block", 4, 2, 6, state=state).gradients(x, cotangent=cotangent)
    oracle = library_block(state, 4, 2, 6)
    (oracle(x, None, None, None)[0] * cotangent).sum().backward()
    wanted = {name: one.grad for name, one in oracle.named_parameters()}
    close(to_library(got.parameters), wanted, "the gradients")


# --- 10. GPT --------------------------------------------------------------------------------------------------------

GPT = Exercise(
    "GPT",
    points=12,
    stars=3,
    builds_on=("Block", "RMSNorm"),
    hints=(
        "Follow one text through: ids (B, T), embeddings (B, T, D), the same shape through every block and the norm, "
        "and at the end a score for each of V tokens. Which matrix has V rows of D numbers already?",
        "A text of T tokens needs the first T rows of `self.cos` and `self.sin`. The logits are the final x times the "
        "transpose of `self.embedding.weight`. The targets are shifted already.",
        "`F.cross_entropy` wants (N, V) logits and (N,) targets: flatten batch and tokens together. Its ignore_index "
        "is -100 already, and its mean leaves those out.",
    ),
    forbidden=("storyteller.transformer.decoder.Decoder", "storyteller.training.losses.cross_entropy"),
)

SHAPE = {"vocab_size": 11, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}


def gpt_state(draw):
    """Weights for a GPT of SHAPE."""
    state = {"embedding.weight": draw.tensor(11, 8, dtype=WIDE), "norm.weight": draw.tensor(8, dtype=WIDE) + 1.5}
    for layer in range(SHAPE["n_layers"]):
        state |= block_state(draw, 8, 12, prefix=f"blocks.{layer}.")
    return state


def gpt_pair(student, draw):
    """The student's GPT and the library's, with the same weights."""
    state = gpt_state(draw)
    config = config_of(8, 2, 12, vocab_size=11, n_layers=2)
    oracle = Decoder(config).double()
    oracle.load_state_dict(to_library(state))
    module = student.new("GPT", *SHAPE.values(), max_seq_len=16)
    module.load(state)
    return module, oracle


@GPT.case("gives the logits of the library's decoder", points=4)
def gpt_logits(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids = draw.integers(0, 11, 2, draw.randint(5, 9))
    got = module(ids)
    true(type(got) is tuple and len(got) == 2, "GPT gives back a pair: the logits and the loss.", got=got)
    close(got[0], oracle(ids).logits, "the logits")
    true(got[1] is None, "Without targets there is no loss: give back None in its place.", got=got[1])


@GPT.case("measures the surprise by the targets, as the caller shifted them", points=2)
def gpt_loss(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids, targets = draw.integers(0, 11, 2, 6), draw.integers(0, 11, 2, 6)
    log_p = oracle(ids).logits.log_softmax(-1)
    slow = -sum(log_p[b, t, targets[b, t]] for b in range(2) for t in range(6)) / 12
    close(module(ids, targets)[1], slow.detach(), "the loss")


@GPT.case("leaves targets of -100 out of the mean", points=2)
def gpt_ignores(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids, targets = draw.integers(0, 11, 2, 6), draw.integers(0, 11, 2, 6)
    targets[0, :3] = -100
    targets[1, draw.randint(0, 5)] = -100
    log_p = oracle(ids).logits.log_softmax(-1)
    kept = [-log_p[b, t, targets[b, t]] for b in range(2) for t in range(6) if targets[b, t] != -100]
    close(module(ids, targets)[1], (sum(kept) / len(kept)).detach(), "the loss")


@GPT.case("says nothing different when the future changes", points=2)
def gpt_causality(student, draw):
    module, _ = gpt_pair(student, draw)
    ids, place = draw.integers(0, 11, 1, 8), draw.randint(2, 5)
    other = ids.clone()
    other[:, place:] = (other[:, place:] + 1 + draw.integers(0, 9, 1, 8 - place)) % 11
    before, after = module(ids)[0][:, :place], module(other)[0][:, :place]
    close(after, before, f"the logits of the first {place} tokens once the tokens after them have changed")


@GPT.case("lets gradients through to every parameter", points=2)
def gpt_gradients(student, draw):
    module, oracle = gpt_pair(student, draw)
    ids = draw.integers(0, 11, 2, 5)
    weight = draw.tensor(2, 5, 11, dtype=WIDE)
    got = module.gradients(ids, cotangent=weight)
    (oracle(ids).logits * weight).sum().backward()
    wanted = {name: one.grad for name, one in oracle.named_parameters()}
    close(to_library(got.parameters), wanted, "the gradients")


# --- Bonus: sinusoidal positions ------------------------------------------------------------------------------------

sinusoidal_positions = Exercise(
    "sinusoidal_positions",
    points=6,
    stars=2,
    bonus=True,
    hints=(
        "First the speeds, one for each pair of features; then all angles as a table of positions times speeds.",
        "`torch.arange(0, d_model, 2)` is 2i already. Position 0 has angle 0 everywhere: sine 0, cosine 1.",
        "`torch.stack((angle.sin(), angle.cos()), dim=-1)` puts sine and cosine of a pair next to each other; flatten "
        "the last two dimensions.",
    ),
)


def slow_waves(n_positions, d_model):
    """Feature by feature."""
    table = torch.zeros(n_positions, d_model)
    for p in range(n_positions):
        for i in range(d_model // 2):
            angle = p / 10_000 ** (2 * i / d_model)
            table[p, 2 * i], table[p, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


@sinusoidal_positions.case("begins with 0 and 1 in turn", points=2)
def first_row(student, draw):
    d_model = 2 * draw.randint(2, 5)
    got = student.sinusoidal_positions(draw.randint(2, 6), d_model)
    close(got[0], torch.tensor([0.0, 1.0] * (d_model // 2)), "the vector of position 0")


@sinusoidal_positions.case("gives each pair its own speed", points=4)
def speeds(student, draw):
    n_positions, d_model = draw.randint(5, 30), 2 * draw.randint(2, 6)
    close(student.sinusoidal_positions(n_positions, d_model), slow_waves(n_positions, d_model), "the table")


# --- Bonus: what it costs -------------------------------------------------------------------------------------------

parameters_and_flops = Exercise(
    "parameters_and_flops",
    points=8,
    stars=2,
    bonus=True,
    hints=(
        "Count the entries of each matrix in the constructors above. RoPE's table is computed and not learned.",
        "A matrix of m times n costs 2 m n for each token that is multiplied with it. Looking an embedding up is no "
        "product, but the tied embedding is multiplied once, for the logits.",
        "Between tokens, in each block: scores cost 2 T T K in each of H heads, and the averages as much again. H "
        "times K is D.",
    ),
)


def shape_of(draw):
    """The shape of a small GPT."""
    heads = draw.choice([1, 2, 4])
    return {
        "vocab_size": draw.randint(20, 60),
        "d_model": heads * 2 * draw.randint(2, 5),
        "n_layers": draw.randint(1, 4),
        "n_heads": heads,
        "d_ff": draw.randint(9, 30),
    }


def counted(shape, seq_len):
    """Parameters and FLOPs, counted on the library's model while it runs."""
    from torch.utils.flop_counter import FlopCounterMode

    def plain(q, k, v, *, mask=None, causal=False):  # two products that the counter sees
        return (q @ k.transpose(-2, -1)).softmax(-1) @ v

    config = ModelConfig(max_seq_len=64, n_kv_heads=shape["n_heads"], n_experts=0, **shape)
    model = Decoder(config, attend=plain)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, seq_len, dtype=torch.int64))
    return sum(one.numel() for one in model.parameters()), counter.get_total_flops()


@parameters_and_flops.case("counts the parameters", points=4)
def parameter_count(student, draw):
    shape = shape_of(draw)
    wanted = counted(shape, 8)[0]
    equal(student.parameters_and_flops(**shape, seq_len=8)[0], wanted, "the parameters")


@parameters_and_flops.case("counts the FLOPs of one text", points=4)
def flop_count(student, draw):
    shape, seq_len = shape_of(draw), draw.randint(10, 50)
    equal(student.parameters_and_flops(**shape, seq_len=seq_len)[1], counted(shape, seq_len)[1], "the FLOPs")
