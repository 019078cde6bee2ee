"""What `MultiHeadAttention` must do, case by case."""

import torch
from torch import nn

from storyteller.transformer.attention import Attention
from storyteller_course import Exercise, close
from storyteller_course.lesson_tools.understanding_transformers import to_library

from .oracles import config_of, cos_and_sin, gradients_of, head_by_head, loaded, projections, sees_no_future

MultiHeadAttention = Exercise(
    "MultiHeadAttention",
    in_library="storyteller.transformer.attention.Attention",
    points=10,
    stars=3,
    scaffold="blank",
    builds_on=("attend", "apply_rope"),
    hints=(
        "Write the shapes down first: after the projections (B, T, D), in heads (B, H, T, Dh), at the end (B, T, D) "
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


def torch_attention(state, n_heads, x, context=None):
    """The same by `nn.MultiheadAttention`, causal without a context."""
    oracle = nn.MultiheadAttention(x.size(-1), n_heads, bias=False, batch_first=True)
    joined = torch.cat([state[f"{name}.weight"] for name in ("q", "k", "v")])
    oracle.load_state_dict({"in_proj_weight": joined, "out_proj.weight": state["out.weight"]})
    if context is not None:
        return oracle(x, context, context, need_weights=False)[0].detach()
    forbidden = torch.ones(x.size(1), x.size(1)).triu(1).bool()  # in PyTorch's class True forbids
    return oracle(x, x, x, attn_mask=forbidden, need_weights=False)[0].detach()


def drawn(draw):
    """How many heads, and D; B and T, different from each other and from the number of heads."""
    heads = draw.choice([2, 3, 4])
    return heads, heads * draw.choice([2, 4]), *draw.sample([size for size in range(2, 7) if size != heads], 2)


@MultiHeadAttention.case("attends to the tokens before, in every head", points=3)
def self_attention(student, draw):
    heads, d_model, batch, n_tokens = drawn(draw)
    state, x = projections(draw, d_model), draw.tensor(batch, n_tokens, d_model)
    module = loaded(student, "MultiHeadAttention", d_model, heads, state=state)
    close(module(x), torch_attention(state, heads, x), "the output")


@MultiHeadAttention.case("attends to all tokens of a context, when there is one", points=2)
def cross_attention(student, draw):
    heads, d_model, batch, n_tokens = drawn(draw)
    state, x = projections(draw, d_model), draw.tensor(batch, n_tokens, d_model)
    module = loaded(student, "MultiHeadAttention", d_model, heads, state=state)
    longer = draw.tensor(batch, n_tokens + draw.randint(1, 3), d_model)
    for context, length in ((longer, "longer"), (longer[:, :n_tokens], "as long"), (longer[:, :1], "shorter")):
        close(module(x, context), torch_attention(state, heads, x, context), f"the output, the context {length}")


@MultiHeadAttention.case("turns queries and keys where `rope` is given", points=2)
def with_rope(student, draw):
    heads, d_model, batch, n_tokens = drawn(draw)
    state, x = projections(draw, d_model), draw.tensor(batch, n_tokens, d_model)
    module = loaded(student, "MultiHeadAttention", d_model, heads, state=state)
    oracle = Attention(config_of(d_model, heads, 8))
    oracle.load_state_dict(to_library(state))
    rope = cos_and_sin(n_tokens, d_model // heads)
    close(module(x, rope=rope), oracle(x, rope=rope), "the output")


@MultiHeadAttention.case("has a gradient of exactly 0 towards the future", points=2)
def attention_causality(student, draw):
    state, x = projections(draw, 8), draw.tensor(draw.randint(1, 3), 6, 8)
    place = draw.randint(1, 4)
    module = loaded(student, "MultiHeadAttention", 8, 4, state=state)
    sees_no_future(module, x, place, rope=cos_and_sin(6, 2))


@MultiHeadAttention.case("lets gradients through to all four matrices", points=1)
def attention_gradients(student, draw):
    heads, d_model, batch, n_tokens = drawn(draw)
    state = projections(draw, d_model)
    x, weight = (draw.tensor(batch, n_tokens, d_model) for _ in range(2))
    got = loaded(student, "MultiHeadAttention", d_model, heads, state=state).gradients(x, cotangent=weight)
    names = list(state)

    def forward(*matrices):
        q, k, v, out = matrices
        return head_by_head(x @ q.T, x @ k.T, x @ v.T, heads, causal=True) @ out.T

    wanted = gradients_of(forward, *state.values(), cotangent=weight)
    close([got.parameters[name] for name in names], list(wanted), "the gradients of q, k, v and out")
