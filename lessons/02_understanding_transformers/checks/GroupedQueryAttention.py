"""What `GroupedQueryAttention` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller.config import ModelConfig
from storyteller.transformer.attention import Attention, apply_rope
from storyteller_course import Exercise, close, shaped

from .oracles import cos_and_sin, loaded, sees_no_future

GroupedQueryAttention = Exercise(
    "GroupedQueryAttention",
    in_library="storyteller.transformer.attention.Attention",
    points=12,
    stars=3,
    scaffold="blank",
    builds_on=("attend", "apply_rope", "RMSNorm"),
    hints=(
        "Begin with your `MultiHeadAttention` and write the shapes down: queries (B, H, T, Dh), keys and values "
        "(B, G, T, Dh). Only `attend` needs as many of the one as of the other.",
        "The norms see one head of one token at a time: apply them once the features are in heads. With H = 4 and "
        "G = 2, query heads 0 and 1 share the first key head.",
        "`k.repeat_interleave(n_heads // n_kv_heads, dim=1)` puts the copies of a head side by side, and so for the "
        "values. The norm of queries and keys comes before `apply_rope`.",
    ),
    forbidden=(
        "torch.nn.functional.scaled_dot_product_attention",
        "torch.nn.functional.multi_head_attention_forward",
        "storyteller.transformer.attention.Attention",
    ),
)


def weights(draw, d_model, n_heads, n_kv_heads):
    """Weights for the student's module."""
    head_dim = d_model // n_heads
    rows = {"q": d_model, "k": n_kv_heads * head_dim, "v": n_kv_heads * head_dim, "out": d_model}
    state = {f"{name}.weight": draw.tensor(count, d_model, scale=0.5) for name, count in rows.items()}
    return state | {f"{name}.weight": draw.tensor(head_dim) + 1.5 for name in ("q_norm", "k_norm")}


def library_attention(state, n_heads, n_kv_heads, x, rope=None):
    """The library's grouped-query attention, with a norm of queries and keys where it turns them."""
    d_model = x.size(-1)
    config = ModelConfig(
        vocab_size=8, max_seq_len=16, d_model=d_model, n_layers=1, n_heads=n_heads, n_kv_heads=n_kv_heads, d_ff=8,
        n_experts=0,
    )  # fmt: skip
    parts = (n_heads, "q_norm.weight"), (n_kv_heads, "k_norm.weight")
    scale = torch.cat([state[name].expand(count, 1, -1) for count, name in parts])  # (H + G, 1, Dh)

    def normed(heads, cos, sin):  # (B, H + G, T, Dh)
        return apply_rope(F.rms_norm(heads, heads.shape[-1:], eps=1e-5) * scale, cos, sin)

    oracle = Attention(config, apply_rope=normed)
    joined = torch.cat([state[f"{name}.weight"] for name in ("q", "k", "v")])
    if rope is None:  # angles of 0
        rope = torch.ones(x.size(1), d_model // n_heads // 2), torch.zeros(x.size(1), d_model // n_heads // 2)
    return torch.func.functional_call(oracle, {"qkv.weight": joined, "out.weight": state["out.weight"]}, (x,),
                                      {"rope": rope})  # fmt: skip


def drawn(draw, group):
    """How many heads there are of each kind, and D; B and T, different from each other and from the heads."""
    n_kv_heads = draw.choice([2, 3])
    n_heads = n_kv_heads * group
    sizes = draw.sample([size for size in range(2, 8) if size not in (n_heads, n_kv_heads)], 2)
    return n_heads, n_kv_heads, n_heads * draw.choice([2, 4]), *sizes


@GroupedQueryAttention.case("shares each key and value head among neighbouring query heads", points=3)
def groups(student, draw):
    for group in (2, 3):
        heads, kv_heads, d_model, batch, n_tokens = drawn(draw, group)
        state, x = weights(draw, d_model, heads, kv_heads), draw.tensor(batch, n_tokens, d_model)
        module = loaded(student, "GroupedQueryAttention", d_model, heads, kv_heads, state=state)
        close(module(x), library_attention(state, heads, kv_heads, x), "the output", atol=1e-4)


@GroupedQueryAttention.case("is ordinary multi-head attention when the numbers of heads are equal", points=1)
def as_many(student, draw):
    heads, _, _, batch, n_tokens = drawn(draw, 2)
    state, x = weights(draw, 2 * heads, heads, heads), draw.tensor(batch, n_tokens, 2 * heads)
    module = loaded(student, "GroupedQueryAttention", 2 * heads, heads, heads, state=state)
    close(module(x), library_attention(state, heads, heads, x), "the output", atol=1e-4)


@GroupedQueryAttention.case("normalises queries and keys, head by head, so that their size counts no more", points=2)
def sizes_do_not_count(student, draw):
    heads, kv_heads, d_model, batch, n_tokens = drawn(draw, 2)
    state, x = weights(draw, d_model, heads, kv_heads), draw.tensor(batch, n_tokens, d_model)
    before = loaded(student, "GroupedQueryAttention", d_model, heads, kv_heads, state=state)(x)
    shaped(before, x.shape, "the output")
    louder = torch.tensor([50.0, 0.5] + [7.0] * (heads - 2)).repeat_interleave(d_model // heads)[:, None]
    state = state | {"q.weight": state["q.weight"] * louder, "k.weight": state["k.weight"] * 20}
    after = loaded(student, "GroupedQueryAttention", d_model, heads, kv_heads, state=state)(x)
    what = "the output with larger weights in `q` and `k`"
    close(after, library_attention(state, heads, kv_heads, x), what, rtol=1e-2, atol=1e-3)


@GroupedQueryAttention.case("turns queries and keys where `rope` is given", points=2)
def with_rope(student, draw):
    heads, kv_heads, _, batch, n_tokens = drawn(draw, 2)
    d_model = 4 * heads
    state, x = weights(draw, d_model, heads, kv_heads), draw.tensor(batch, n_tokens, d_model)
    rope = cos_and_sin(n_tokens, 4)
    module = loaded(student, "GroupedQueryAttention", d_model, heads, kv_heads, state=state)
    close(module(x, rope=rope), library_attention(state, heads, kv_heads, x, rope), "the output", atol=1e-4)


@GroupedQueryAttention.case("has a gradient of exactly 0 towards the future", points=2)
def grouped_causality(student, draw):
    state, x = weights(draw, 16, 4, 2), draw.tensor(draw.randint(1, 3), 6, 16)
    place = draw.randint(1, 4)
    module = loaded(student, "GroupedQueryAttention", 16, 4, 2, state=state)
    sees_no_future(module, x, place, rope=cos_and_sin(6, 4))


@GroupedQueryAttention.case("lets gradients through to every parameter", points=2)
def grouped_gradients(student, draw):
    heads, kv_heads, d_model, batch, n_tokens = drawn(draw, 2)
    state = weights(draw, d_model, heads, kv_heads)
    x, weight = (draw.tensor(batch, n_tokens, d_model) for _ in range(2))
    module = loaded(student, "GroupedQueryAttention", d_model, heads, kv_heads, state=state)
    got = module.gradients(x, cotangent=weight).parameters
    leaves = {name: one.clone().requires_grad_() for name, one in state.items()}
    (library_attention(leaves, heads, kv_heads, x) * weight).sum().backward()
    wanted = {name: one.grad for name, one in leaves.items()}
    close({name: got[name] for name in state}, wanted, "the gradients", rtol=1e-3, atol=1e-3)
