"""What `Block` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller.transformer.decoder import Block as LibraryBlock
from storyteller.transformer.decoder import SwiGLU as LibrarySwiGLU
from storyteller_course import Exercise, close, equal
from storyteller_course.lesson_tools.understanding_transformers import to_library

from .oracles import WIDE, block_state, config_of, future_gradients, loaded, rotation

Block = Exercise(
    "Block",
    in_library="storyteller.transformer.decoder.Block",
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
