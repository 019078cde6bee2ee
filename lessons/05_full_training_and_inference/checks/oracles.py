"""Oracles that several exercises share: other ways to the same results."""

import itertools
import math

import torch

INFINITE = math.inf


def scores(draw, rows=None, width=None, scale=2.0):
    """Logits (B, V) of both signs, no two of a row alike, of new sizes each time where none are given."""
    return draw.tensor(rows or draw.randint(2, 5), width or draw.randint(6, 11), scale=scale)


def far_apart(draw, logits, shifts=(-200.0, 200.0)):
    """The same probabilities from logits so large, or so small, that their exponentials are infinite, or 0."""
    return logits + torch.tensor([[draw.choice(shifts)] for _ in logits])


def some_removed(draw, logits):
    """The logits as an earlier filter leaves them: in each row two or three are minus infinity."""
    result = logits.clone()
    for row in result:
        row[draw.sample(range(len(row)), draw.randint(2, 3))] = -INFINITE
    return result


def kept_only(logits, kept):
    """The logits with minus infinity wherever a token is not among those of its row."""
    result = torch.full_like(logits, -INFINITE)
    for row, tokens in enumerate(kept):
        for token in tokens:
            result[row, token] = logits[row, token]
    return result


def chances(row):
    """The probabilities of one row of logits, as a list."""
    numbers = row.tolist()
    weights = [math.exp(one - max(numbers)) for one in numbers]
    return [one / sum(weights) for one in weights]


def likeliest_first(row):
    return sorted(range(len(row)), key=lambda token: -row[token].item())


def hit(row, point):
    """Walk along the line until the point is passed."""
    total, p = 0.0, chances(row)
    for token, width in enumerate(p):
        total += width
        if width > 0 and point < total:
            return token
    return max(token for token, width in enumerate(p) if width > 0)


def to_the_next_end(row, point):
    """How far a point is from the nearest end of a piece; near one rounding may decide."""
    return min(abs(end - point) for end in itertools.accumulate(chances(row)))
