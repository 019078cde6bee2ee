"""What `attend_cached` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, unchanged

attend_cached = Exercise(
    "attend_cached",
    in_library="storyteller.transformer.kv_cache.KVCache",
    points=15,
    stars=3,
    scaffold="blank",
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


class Text:
    """Queries, keys and values of a text of random sizes, with the rotations of its positions and of a few more."""

    def __init__(self, draw, n_tokens, more=None):
        batch, heads = draw.sample(range(2, 6), 2)
        self.width = draw.choice([4, 6, 8, 10])
        self.shape = (batch, heads, n_tokens, self.width)
        self.qkv = [draw.tensor(*self.shape) for _ in range(3)]
        base, pairs = draw.uniform(5, 50), self.width // 2
        speed = torch.tensor([base ** (-2 * i / self.width) for i in range(pairs)])
        angle = torch.arange(n_tokens + (draw.randint(1, 4) if more is None else more))[:, None] * speed
        self.cos, self.sin = angle.cos(), angle.sin()

    def turned(self, x):
        """The rotation as a product of complex numbers, from position 0."""
        pairs = torch.complex(x[..., : self.width // 2], x[..., self.width // 2 :])
        pairs = pairs * torch.complex(self.cos, self.sin)[: x.size(2)]
        return torch.cat((pairs.real, pairs.imag), dim=-1)

    def all_at_once(self):
        """The outputs of all tokens, without a cache."""
        q, k, v = self.qkv
        return F.scaled_dot_product_attention(self.turned(q), self.turned(k), v, is_causal=True)

    def read(self, student, start, end, cache):
        """The student's output for these tokens, and its new cache."""
        return student.attend_cached(*[part[:, :, start:end] for part in self.qkv], cache, self.cos, self.sin)


def check_pieces(student, draw, sizes, more=None):
    text = Text(draw, sum(sizes), more)
    wanted, cache, start = text.all_at_once(), None, 0
    for number, size in enumerate(sizes, 1):
        output, cache = text.read(student, start, start + size, cache)
        close(output, wanted[:, :, start : start + size],
              f"the output of call {number}, for {size} new token{'s' * (size > 1)} after {start}")  # fmt: skip
        start += size


@attend_cached.case("is plain causal attention as long as nothing is remembered", points=3)
def first_call(student, draw):
    for length in draw.sample(range(3, 8), 2):
        check_pieces(student, draw, [length])


@attend_cached.case("gives a new token what it would get in the whole text", points=5)
def token_by_token(student, draw):
    check_pieces(student, draw, [draw.randint(2, 5), 1, 1, 1])
    check_pieces(student, draw, [1, 1, 1, 1], more=0)  # up to the very last position


@attend_cached.case("takes several new tokens after remembered ones", points=4)
def chunks(student, draw):
    for _ in range(2):
        check_pieces(student, draw, [draw.randint(2, 4), draw.randint(2, 3), draw.randint(2, 3)])


@attend_cached.case("leaves its arguments alone, so that a cache can be used twice", points=3)
def cache_twice(student, draw):
    text = Text(draw, 6)
    _, cache = text.read(student, 0, 4, None)
    other = [draw.tensor(*text.shape)[:, :, :1] for _ in range(3)]
    student.attend_cached(*other, cache, text.cos, text.sin)
    unchanged(student)
    output, _ = text.read(student, 4, 6, cache)
    unchanged(student)
    close(output, text.all_at_once()[:, :, 4:], "the output of a second way to go on from the same cache")
