"""What `attend_cached` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, unchanged

attend_cached = Exercise(
    "attend_cached",
    in_library="storyteller.transformer.kv_cache.KVCache",
    points=16,
    stars=3,
    hints=(
        "Read 5 tokens at once; then read 3, and 2 more with the cache. The last 2 outputs must be the same. At which "
        "positions do these 2 stand, and at which keys may each look?",
        "Positions go on: the first new token has the number of remembered ones. Only new keys are turned: the "
        "remembered ones were turned when they came.",
        "With S remembered and T new ones the mask has the shape (T, S + T): new token i may look at the columns up to "
        "S + i. Compare an arange over the columns with one over the new positions.",
    ),
    forbidden=(
        "storyteller.transformer.kv_cache.KVCache",
        "storyteller.transformer.attention.Attention",
        "storyteller.transformer.decoder.Decoder",
    ),
)
HEADS, WIDTH, LONGEST = 2, 6, 12


def rotation():
    """cos and sin of every position."""
    speed = torch.tensor([10.0 ** (-2 * i / WIDTH) for i in range(WIDTH // 2)], dtype=torch.float64)
    angle = torch.arange(LONGEST, dtype=torch.float64)[:, None] * speed
    return angle.cos(), angle.sin()


def turned(x):
    """The rotation as a product of complex numbers, from position 0."""
    cos, sin = rotation()
    pairs = torch.complex(x[..., : WIDTH // 2], x[..., WIDTH // 2 :]) * torch.complex(cos, sin)[: x.size(2)]
    return torch.cat((pairs.real, pairs.imag), dim=-1)


def all_at_once(q, k, v):
    return F.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)


def three(draw, length):
    return [draw.tensor(2, HEADS, length, WIDTH, dtype="float64") for _ in range(3)]


def in_pieces(student, qkv, sizes):
    """The outputs of the pieces, one behind the other."""
    cos, sin = rotation()
    cache, start, found = None, 0, []
    for size in sizes:
        piece = [part[:, :, start : start + size] for part in qkv]
        output, cache = student.attend_cached(*piece, cache, cos, sin)
        found.append(output)
        start += size
    return found


def check_pieces(student, draw, sizes):
    qkv = three(draw, sum(sizes))
    wanted, start = all_at_once(*qkv), 0
    for number, output in enumerate(in_pieces(student, qkv, sizes), 1):
        size = sizes[number - 1]
        close(output, wanted[:, :, start : start + size],
              f"the output of call {number}, for {size} new token{'s' * (size > 1)} behind {start}")  # fmt: skip
        start += size


@attend_cached.case("is plain causal attention as long as nothing is remembered", points=3)
def first_call(student, draw):
    check_pieces(student, draw, [draw.randint(3, 6)])


@attend_cached.case("gives a new token what it would get in the whole text", points=5)
def token_by_token(student, draw):
    check_pieces(student, draw, [draw.randint(2, 5), 1, 1, 1])


@attend_cached.case("takes several new tokens behind remembered ones", points=5)
def chunks(student, draw):
    check_pieces(student, draw, [draw.randint(2, 4), draw.randint(2, 3), draw.randint(2, 3)])


@attend_cached.case("leaves its arguments alone, so that a cache can be used twice", points=3)
def cache_twice(student, draw):
    qkv = three(draw, 6)
    cos, sin = rotation()
    start = [part[:, :, :4] for part in qkv]
    _, cache = student.attend_cached(*start, None, cos, sin)
    other = three(draw, 1)
    student.attend_cached(*other, cache, cos, sin)
    unchanged(student)
    output, _ = student.attend_cached(*[part[:, :, 4:] for part in qkv], cache, cos, sin)
    unchanged(student)
    close(output, all_at_once(*qkv)[:, :, 4:], "the output of a second way to go on from the same cache")
