"""What `MultiHeadAttention` must do, case by case."""

import torch
from torch import nn

from storyteller.transformer.attention import Attention
from storyteller_course import Exercise, close, equal, true
from storyteller_course.lesson_tools.understanding_transformers import to_library

from .oracles import WIDE, config_of, future_gradients, gradients_of, head_by_head, loaded, projections, rotation

MultiHeadAttention = Exercise(
    "MultiHeadAttention",
    in_library="storyteller.transformer.attention.Attention",
    points=12,
    stars=3,
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
    oracle = nn.MultiheadAttention(x.size(-1), n_heads, bias=False, batch_first=True, dtype=torch.float64)
    joined = torch.cat([state[f"{name}.weight"] for name in ("q", "k", "v")])
    oracle.load_state_dict({"in_proj_weight": joined, "out_proj.weight": state["out.weight"]})
    if context is not None:
        return oracle(x, context, context, need_weights=False)[0].detach()
    forbidden = torch.ones(x.size(1), x.size(1)).triu(1).bool()  # in PyTorch's class True forbids
    return oracle(x, x, x, attn_mask=forbidden, need_weights=False)[0].detach()


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
    close(module(x, rotation=rotation(6, 4)), oracle(x, rope=rotation(6, 4)), "the output")


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
