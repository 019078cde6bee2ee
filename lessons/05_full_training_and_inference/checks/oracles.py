"""Oracles that several exercises share: other ways to the same results."""

import math

import torch

INFINITE = math.inf


def scores(draw, rows=3, width=7, scale=2.0):
    """Logits of both signs, no two of a row alike."""
    return draw.tensor(rows, width, dtype="float64", scale=scale)


def kept_only(logits, kept):
    """The logits with minus infinity wherever a token is not among those of its row."""
    result = torch.full_like(logits, -INFINITE)
    for row, tokens in enumerate(kept):
        for token in tokens:
            result[row, token] = logits[row, token]
    return result


def chances(row):
    """The probabilities of one row of logits, as a list."""
    weights = [math.exp(one) for one in row.tolist()]
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
