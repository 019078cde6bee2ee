"""Randomness that gives the same choices on every platform and Python version."""

import random
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


class StableRandom:
    """Choices from a seed.

    Only `random.Random.random` is used, whose sequence Python promises to keep; `choice` and `shuffle` may change
    between versions.
    """

    def __init__(self, *seed: object) -> None:
        digest = sha256("|".join(map(str, seed)).encode()).digest()
        self.random = random.Random(int.from_bytes(digest[:8], "big")).random

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return options[int(self.random() * len(options))]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability
