"""Duplicates, exact and near, among all stories of a corpus.

    >>> known = Duplicates()
    >>> known.seen(fingerprint("The fox ran home.")), known.seen(fingerprint("The fox: ran home!"))
    (None, 'exact duplicate')

Two stories are exact duplicates when their words are the same, whatever the case and punctuation, and near duplicates
when the Jaccard similarity of their sets of word 5-grams is at least 0.8, say, as estimated by MinHash with
locality-sensitive hashing (Broder 1997; Leskovec et al., Mining of Massive Datasets, chapter 3): a story's signature,
64 numbers, is cut into bands, and two stories with an equal band count as near duplicates. What is remembered of a
story is one number for its words and one for each band, so `fingerprint` can be computed anywhere and in any order,
and only `Duplicates` has to see the stories one after the other.
"""

import hashlib
import re
import zlib
from array import array
from collections.abc import Sequence
from functools import cache

import numpy as np

_WORD = re.compile(r"\w+")
# The same for text in ASCII, in half the time: letters in lower case, digits and _ stay, and the rest becomes a space.
_ASCII_WORDS = bytes(ord(sign.lower()) if _WORD.match(sign) else ord(" ") for sign in map(chr, range(128))).ljust(256)
SHINGLE_WORDS = 5  # words in a row that are compared as one
N_PERMUTATIONS = 64  # numbers of a signature; the error of the estimate is about 1 / sqrt(64)
NEAR = 0.8  # similarity from which on two stories are near duplicates, unless something else is said
_MAX_LOAD = 0.7  # share of a table that is filled before it doubles

Fingerprint = tuple[int, ...]  # a number for the words, then one for each band; none of them is 0


def _drawn(name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers that look random and are the same on every machine and in every version of numpy."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    drawn: np.ndarray = np.frombuffer(hashlib.shake_128(name.encode()).digest(size), dtype=dtype).reshape(shape)
    return drawn


_PLACES = _drawn("words of a shingle", (SHINGLE_WORDS,), "<u8") | np.uint64(1)  # a factor for each word of a shingle
_MIX = np.uint64(0xFF51AFD7ED558CCD)  # of MurmurHash3's last step
# h -> a * h + b modulo 2**32 with odd a is one to one: so it orders all hashes anew, as a permutation does.
_FACTORS = _drawn("factors", (1, N_PERMUTATIONS), "<u4") | np.uint32(1)
_SUMMANDS = _drawn("summands", (1, N_PERMUTATIONS), "<u4")


def fingerprint(text: str, *, similarity: float | None = NEAR) -> Fingerprint:
    """What `Duplicates` remembers of a story.

    Args:
        text: the story.
        similarity: from which on another story counts as a near duplicate; None looks for exact duplicates only.
    """
    words = _words(text)
    exact = _number(b" ".join(words))
    if similarity is None:
        return (exact,)
    n_bands, rows = bands_for(similarity)
    data, width = signature(words).tobytes(), rows * 4
    return (exact, *(_number(data[n * width : (n + 1) * width], b"band %d" % n) for n in range(n_bands)))


def _words(text: str) -> list[bytes]:
    """The words of a text in lower case."""
    if text.isascii():
        return text.encode().translate(_ASCII_WORDS).split()
    return [word.encode("utf-8", "surrogatepass") for word in _WORD.findall(text.lower())]


def signature(words: Sequence[bytes]) -> np.ndarray:
    """The MinHash of a story's word 5-grams, (N_PERMUTATIONS,) uint32; of two stories, the share of equal numbers
    estimates the similarity."""
    hashes = np.fromiter(map(zlib.crc32, words), np.uint64, len(words))  # (n,)
    if len(hashes) < SHINGLE_WORDS:
        hashes = np.pad(hashes, (0, SHINGLE_WORDS - len(hashes)))
    shingles = np.convolve(hashes, _PLACES, "valid")  # (n - 4,): five words and their factors, modulo 2**64
    mixed = (((shingles ^ (shingles >> np.uint64(33))) * _MIX) >> np.uint64(32)).astype(np.uint32)
    ordered = mixed[:, None] * _FACTORS + _SUMMANDS  # (n - 4, N_PERMUTATIONS), modulo 2**32
    smallest: np.ndarray = ordered.min(axis=0).astype("<u4")
    return smallest


@cache
def bands_for(similarity: float) -> tuple[int, int]:
    """How many bands of how many numbers tell stories above a similarity best from those below.

    Two stories of similarity s share a band of r numbers with probability 1 - (1 - s**r)**b. The choice makes the area
    below that curve left of `similarity`, and above it to the right, as small as it can be.
    """
    s = (np.arange(1000) + 0.5) / 1000
    errors = {}
    for n_bands in range(1, N_PERMUTATIONS + 1):
        for rows in range(1, N_PERMUTATIONS // n_bands + 1):
            found = 1 - (1 - s**rows) ** n_bands
            errors[n_bands, rows] = float(np.where(s < similarity, found, 1 - found).sum())
    return min(errors, key=lambda choice: (errors[choice], choice))


class Duplicates:
    """Remembers the stories that have passed, all of them, and recognises their duplicates.

    Memory: 8 bytes a number, in a table that is between 35 % and 70 % full. Of two million stories at similarity 0.8,
    with six numbers each, 270 MB, and half as much again while the table doubles.
    """

    def __init__(self) -> None:
        self._table = _empty(1 << 16)  # open addressing: a number lies at its own place or at the next that was free
        self._n_numbers = 0

    def seen(self, story: Fingerprint) -> str | None:
        """`"exact duplicate"`, `"near duplicate"`, or None for a new story, which is then remembered."""
        free: list[int] = []
        table, mask = self._table, len(self._table) - 1
        for place, number in enumerate(story):
            slot = number & mask
            while (found := table[slot]) and found != number:
                slot = (slot + 1) & mask
            if found:
                return "near duplicate" if place else "exact duplicate"
            free.append(slot)
        for number, slot in zip(story, free, strict=True):
            while table[slot]:  # another number of this very story has taken it
                slot = (slot + 1) & mask
            table[slot] = number
        self._n_numbers += len(story)
        if self._n_numbers > _MAX_LOAD * len(table):
            self._double()
        return None

    def _double(self) -> None:
        old, self._table = self._table, _empty(2 * len(self._table))
        table, mask = self._table, len(self._table) - 1
        for number in old:
            if number:
                slot = number & mask
                while table[slot]:
                    slot = (slot + 1) & mask
                table[slot] = number


def _empty(size: int) -> "array[int]":
    return array("Q", [0]) * size


def _number(data: bytes, about: bytes = b"") -> int:
    """64 bits of BLAKE2b; never 0, which marks a free place. By chance two of 10**7 agree in one of 10**5 corpora."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, person=about).digest(), "little") or 1
