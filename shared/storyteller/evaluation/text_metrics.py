"""How varied texts are: how much they repeat each other, themselves, and what the model was trained on.

    >>> stories = ["the fox ran and the fox ran", "an owl slept"]
    >>> distinct_n(stories, 2)  # 6 of the 8 pairs of neighbors are different ones
    0.75
    >>> copies = CopyFinder(["once the old fox ran home", "an owl slept in a tree"])
    >>> copies.longest("and then the old fox ran away")
    Copied(words=4, passage='the old fox ran')

A word is what white space separates, with its punctuation. A model that tells the same good story
again and again, or one out of its training data, looks perfect in every other figure.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Words = Sequence[str]

MAX_RUN_WORDS = 1_024  # longer runs count as so long


def ngrams(words: Words, n: int) -> Iterator[tuple[str, ...]]:
    """All runs of n neighboring words, overlapping ones too."""
    return (tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def distinct_n(texts: Iterable[str], n: int) -> float:
    """The share of the word n-grams of all texts together that are different ones; NaN where there is none.

    1 means that nothing comes twice, a value near 0 that the texts repeat each other. It falls as texts are added, so
    compare it only between equally many texts of about the same length.

    Source: Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models", section 5.1.
    """
    grams = [gram for text in texts for gram in ngrams(text.split(), n)]
    return len(set(grams)) / len(grams) if grams else float("nan")


def repetition(text: str, n: int = 4) -> float:
    """The share of a text's word n-grams that occurred earlier in it: 0 for none, near 1 for a text that is stuck.

    Source: Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training", section 6.1 ("seq-rep-n").
    """
    grams = list(ngrams(text.split(), n))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def word_pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """All pairs of neighboring words."""
    return [pair for text in texts for pair in pairwise(text.split())]


def known_share(texts: Iterable[str], known: Collection[tuple[str, str]]) -> float:
    """The share of the texts' pairs of neighboring words that are known: low for babble; 0 where there is no pair.

    Args:
        texts: any.
        known: the pairs of the training texts, as a set.
    """
    pairs = word_pairs(texts)
    return sum(pair in known for pair in pairs) / max(1, len(pairs))


class Copied(NamedTuple):
    """A run of words that also occurs in the training texts."""

    words: int  # how many
    passage: str  # the words themselves


class CopyFinder:
    """Finds the longest run of words that a text has in common with any of many texts.

    A suffix array: all suffixes of the texts are sorted, once. The suffixes that begin with a given run are then
    neighbors, and the longest run in common with them is found by binary search.

    Source: Manber and Myers 1993, "Suffix Arrays: A New Method for On-Line String Searches".

    Args:
        texts: what may have been copied. Memory: about 30 bytes a word.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._ids: dict[str, int] = {}
        numbers: list[int] = []
        for text in texts:
            numbers += [self._ids.setdefault(word, len(self._ids) + 1) for word in text.split()]
            numbers.append(0)  # the end of a text: no word, so no run goes across it
        self._numbers = np.array(numbers, dtype=np.int64)
        self._order = _sorted_suffixes(self._numbers)

    def longest(self, text: str) -> Copied:
        """The longest run of words of `text` that occurs in one of the texts; of several, the first."""
        words = text.split()
        numbers = np.array([self._ids.get(word, -1) for word in words], dtype=np.int64)  # -1: in none of the texts
        start, length = 0, 0
        for i in range(len(numbers)):
            if len(numbers) - i <= length:
                break
            shared = self._shared_run(numbers[i : i + MAX_RUN_WORDS])
            if shared > length:
                start, length = i, shared
        return Copied(length, " ".join(words[start : start + length]))

    def _shared_run(self, wanted: np.ndarray) -> int:
        """How many numbers from the beginning of `wanted` occur somewhere in the texts in this order."""
        low, high = 0, len(self._order)
        while low < high:  # the first suffix that is not smaller than what is wanted
            middle = (low + high) // 2
            suffix = self._suffix(middle, len(wanted))
            if suffix.tolist() < wanted.tolist():
                low = middle + 1
            else:
                high = middle
        neighbors = [rank for rank in (low - 1, low) if 0 <= rank < len(self._order)]
        longest = 0
        for suffix in (self._suffix(rank, len(wanted)) for rank in neighbors):
            differ = np.flatnonzero(suffix != wanted[: len(suffix)])
            longest = max(longest, int(differ[0]) if len(differ) else len(suffix))
        return longest

    def _suffix(self, rank: int, length: int) -> np.ndarray:
        start = self._order[rank]
        return self._numbers[start : start + length]


def _sorted_suffixes(numbers: np.ndarray) -> np.ndarray:
    """Where the suffixes start, in the order of their first `MAX_RUN_WORDS` numbers.

    Suffixes are sorted by their first number, then by their first 2, 4, 8, ...: the rank by the first n, and the rank
    by the n after them, together give the order by the first 2n.
    """
    rank, length = numbers, 1
    while True:
        next_rank = np.full_like(rank, -1)
        next_rank[:-length] = rank[length:]
        order = np.lexsort((next_rank, rank))
        steps = (np.diff(rank[order]) != 0) | (np.diff(next_rank[order]) != 0)
        length *= 2
        if steps.all() or length >= MAX_RUN_WORDS:
            return order
        rank = np.empty_like(rank)
        rank[order] = np.concatenate(([0], steps.cumsum()))
