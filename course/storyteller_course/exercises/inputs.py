"""Where the inputs of a case come from: numbers that depend on a seed, the exercise and the case, and on nothing else.

The notebook uses the public seed, the judge a secret of the course, so that memorised answers earn nothing.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PUBLIC = "public"  # the seed of the notebook's checks

WORDS = """the a and one day little fox owl bear Mia Tom Lena ran to saw found lost kept gave red old small brave key
boat lantern bridge garden river forest moon star song friend home again under over with because before"""
RARE = ("naïve", "café", "Zoë", "🦊", "👩‍🚀", "don't", "1,234", "東京", "well-known", "snow…", "“Yes”")
PAUSES = ("", "", "", "", "", ",", ".", ".", "!", "?")


class Draw(random.Random):
    """A random generator of Python's with a few more kinds of things to draw.

    >>> Draw(PUBLIC, "encode", "ties").randint(1, 6) == Draw(PUBLIC, "encode", "ties").randint(1, 6)
    True
    """

    def __new__(cls, *parts: str) -> "Draw":
        """As of `random.Random`, which takes one seed here and no more."""
        return super().__new__(cls)

    def __init__(self, *parts: str) -> None:
        digest = hashlib.sha256("\0".join(parts).encode()).digest()
        super().__init__(int.from_bytes(digest, "big"))

    def tensor(self, *shape: int, dtype: str = "float32", scale: float = 1.0) -> "Tensor":
        """Normally distributed numbers of the given shape."""
        import torch

        generator = torch.Generator().manual_seed(self.getrandbits(63))
        values = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
        return values.to(getattr(torch, dtype))

    def integers(self, low: int, high: int, *shape: int) -> "Tensor":
        """Whole numbers from `low` to `high` - 1, int64, of the given shape."""
        import torch

        generator = torch.Generator().manual_seed(self.getrandbits(63))
        return torch.randint(low, high, shape, generator=generator)

    def text(self, words: int | Sequence[str] = 12, *, count: int = 12, rare: bool = False) -> str:
        """A made-up text.

        Args:
            words: how many words, or the words to choose from.
            count: how many words, where `words` are words.
            rare: with accents, emoji, apostrophes and other scripts among them.
        """
        length = words if isinstance(words, int) else count
        choice = list(WORDS.split() if isinstance(words, int) else words) + list(RARE if rare else ())
        pieces = [self.choice(choice) for _ in range(length)]
        if rare and length:  # at least one, whatever the dice say
            pieces[self.randrange(length)] = self.choice(RARE)
        return " ".join(piece + self.choice(PAUSES) for piece in pieces)
