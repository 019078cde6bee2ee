"""What `Block` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller.transformer.decoder import Block as LibraryBlock
from storyteller.transformer.decoder import SwiGLU as LibrarySwiGLU
from storyteller.transformer.decoder import swiglu
from storyteller_course import Exercise, close, equal, shaped, true
from storyteller_course.lesson_tools.understanding_transformers import to_library

from .oracles import block_state, config_of, cos_and_sin, loaded

Block = Exercise(
    "Block",
    in_library="storyteller.transformer.decoder.Block",
    points=12,
    stars=2,
    scaffold="blank",
    builds_on=("MultiHeadAttention", "RMSNorm"),
    hints=(
        "The feed-forward part first: two of its matrices read x, the third goes back to width D. The frame has two "
        "halves of the same form: a part works on a normalised copy, and what was there is kept.",
        "Of the two matrices one is a gate: silu goes over its projection alone. In the frame, nothing but additions "
        "lies on the path from x to the output.",
        "`F.silu(self.gate(x))` times `self.up(x)`, then `self.down`. In `forward`, `self.attention` on "
        "`self.attention_norm` of x, with `rope` handed on, is added to x; then the same with the feed-forward part.",
    ),
    forbidden=("storyteller.transformer.decoder.Block", "storyteller.transformer.decoder.swiglu"),
)


def library_block(state, d_model, n_heads, d_ff):
    """The library's block with these weights."""
    config = config_of(d_model, n_heads, d_ff)
    oracle = LibraryBlock(config, 0, attend=F_attend, feed_forward=LibrarySwiGLU)
    oracle.load_state_dict(to_library(state))
    return oracle


def F_attend(q, k, v, *, mask=None, causal=False):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


def drawn(draw):
    """What a block is made with: D, the number of heads, F; and an x, (B, T, D)."""
    heads = draw.choice([2, 3])
    d_model, (batch, n_tokens) = heads * draw.choice([2, 4]), draw.sample(range(2, 6), 2)
    return (d_model, heads, draw.choice([5, 7, 10])), draw.tensor(batch, n_tokens, d_model)


def library_swiglu(state, x):
    """The feed-forward part by the library's function, which keeps gate and up in one matrix."""
    return swiglu(x, torch.cat((state["gate.weight"], state["up.weight"])), state["down.weight"])


def with_gate(student, draw, d_model, d_ff):
    """The student's block, its feed-forward part with drawn weights, and these."""
    state = block_state(draw, d_model, d_ff)
    return loaded(student, "Block", d_model, 2, d_ff, state=state), state


@Block.case("opens and closes hidden features by the gate", points=2)
def opens(student, draw):
    module, state = with_gate(student, draw, 4, 6)
    for around in ((5,), (2, 3), (4, 5, 3), (5, 4, 3), ()):
        x = draw.tensor(*around, 4)
        close(module.method("feed_forward", x), library_swiglu(state, x), "the output of feed_forward")


@Block.case("lets the up-projection through as it is", points=1)
def up_is_plain(student, draw):
    module, state = with_gate(student, draw, 4, 6)
    x = draw.tensor(5, 4)
    one = module.method("feed_forward", x)
    shaped(one, (5, 4), "the output of feed_forward")
    true(one.abs().max() > 1e-6, "The output is 0 or NaN, although gate, up and down are not 0.", got=one)
    state["up.weight"] = -2 * state["up.weight"]
    double = loaded(student, "Block", 4, 2, 6, state=state).method("feed_forward", x)
    close(double, -2 * one, "the output of feed_forward with the matrix `up` times -2")


@Block.case("normalises what each part reads, and adds what it finds", points=4)
def pre_norm(student, draw):
    (d_model, heads, d_ff), x = drawn(draw)
    state = block_state(draw, d_model, d_ff)
    module = loaded(student, "Block", d_model, heads, d_ff, state=state)
    wanted = library_block(state, d_model, heads, d_ff)(x, None, None, None)[0]
    close(module(x), wanted, "the output", atol=1e-4)


@Block.case("passes x on untouched where the parts have nothing to add", points=1)
def clear_path(student, draw):
    state, x = block_state(draw, 8, 8), draw.tensor(2, 4, 8, scale=3.0)
    busy = loaded(student, "Block", 8, 2, 8, state=state)(x)
    shaped(busy, x.shape, "the output")
    true((busy - x).abs().max() > 1e-3, "The output is x itself, although both parts have something to add.", got=busy)
    for name in ("attention.out.weight", "down.weight"):
        state[name] = torch.zeros_like(state[name])
    close(loaded(student, "Block", 8, 2, 8, state=state)(x), x, "the output where both parts give 0")


@Block.case("hands `rope` on to the attention", points=1)
def block_rope(student, draw):
    (d_model, heads, d_ff), x = drawn(draw)
    state, rope = block_state(draw, d_model, d_ff), cos_and_sin(x.size(1), d_model // heads)
    module = loaded(student, "Block", d_model, heads, d_ff, state=state)
    wanted = library_block(state, d_model, heads, d_ff)(x, rope, None, None)[0]
    close(module(x, rope=rope), wanted, "the output", atol=1e-4)


@Block.case("has a gradient of exactly 0 towards the future", points=1)
def block_causality(student, draw):
    state, x = block_state(draw, 8, 8), draw.tensor(draw.randint(1, 3), 5, 8)
    place = draw.randint(1, 3)
    cotangent = torch.zeros_like(x)
    cotangent[:, place] = draw.tensor(8)
    [gradient] = loaded(student, "Block", 8, 2, 8, state=state).gradients(x, cotangent=cotangent).inputs
    shaped(gradient, x.shape, "the gradient of x")
    true(
        gradient[:, :place].abs().max() > 1e-6,
        f"The gradient of output {place} by the tokens before it is 0: nothing is read from them.",
        got=gradient,
    )
    ahead = gradient[:, place + 1 :]
    equal(ahead, torch.zeros_like(ahead), f"the gradient of output {place} by the tokens after it")


@Block.case("lets gradients through to every parameter", points=2)
def block_gradients(student, draw):
    (d_model, heads, d_ff), x = drawn(draw)
    state, cotangent = block_state(draw, d_model, d_ff), draw.tensor(*x.shape)
    got = loaded(student, "Block", d_model, heads, d_ff, state=state).gradients(x, cotangent=cotangent)
    oracle = library_block(state, d_model, heads, d_ff)
    (oracle(x, None, None, None)[0] * cotangent).sum().backward()
    wanted = {name: one.grad for name, one in oracle.named_parameters()}
    close(to_library(got.parameters), wanted, "the gradients", rtol=1e-3, atol=1e-4)
