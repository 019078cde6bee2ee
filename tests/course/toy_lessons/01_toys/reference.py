"""Answers of a lesson that exists for the tests only."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def double(x: int) -> int:
    """Twice x."""
    # Step 1: multiply
    return 2 * x


def counts(words: list[str]) -> dict[str, int]:
    """How often each word occurs."""
    # Step 1: start with nothing
    found: dict[str, int] = {}
    # Step 2: count each word
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def shout(text: str) -> str:
    """The text in capitals, with one more exclamation mark."""
    # Step 1: capitals
    loud = text.upper()
    # Step 2: the mark
    return loud + "!"


def quadruple(x: int) -> int:
    """Four times x, by doubling twice."""
    # Step 1: double twice
    return double(double(x))


def mask_scores(scores: Tensor) -> Tensor:
    """Causal softmax of scores (T, T)."""
    # Step 1: hide the future
    future = torch.ones_like(scores, dtype=torch.bool).triu(1)  # (T, T)
    hidden = scores.masked_fill(future, float("-inf"))
    # Step 2: exponentials over their sum
    weights = (hidden - hidden.max(-1, keepdim=True).values).exp()
    return weights / weights.sum(-1, keepdim=True)


class Scale(nn.Module):
    """Multiplies by a learned factor for each column, and adds a learned shift."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(d_model))
        self.shift = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, D)."""
        # Step 1: scale and shift
        return x * self.factor + self.shift


def count_up(start: int) -> Iterator[int]:
    """start, start + 1, ..."""
    # Step 1: count
    while True:
        yield start
        start += 1


def apply_twice(step: Callable[[int], int], x: int) -> int:
    """step(step(x))."""
    # Step 1: call it twice
    return step(step(x))


def clean(text: str) -> str:
    """No white space around, no double spaces within."""
    # Step 1: mend
    return " ".join(text.split())
