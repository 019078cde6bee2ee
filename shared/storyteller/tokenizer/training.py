"""Learning merges: the pair of adjacent tokens that is seen most often becomes a token, again and again.

The plain form (`train_bpe` in lesson 01's `reference.py`) counts all pairs after each merge. Here the counts are kept
up to date, and words are strings with one code point a token, so that a merge is a `split` and a `join`; the package's
docstring says why. Both give the same merges.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping

from storyteller.tokenizer.vocabulary import BYTE_TOKENS, FIRST_MERGE, pairs_in, to_code_points

Progress = Callable[[int, int], None]


def learn_merges(
    word_counts: Mapping[str, int], n_merges: int, *, progress: Progress | None = None
) -> list[tuple[bytes, bytes]]:
    """The first `n_merges` merges for these words, in the order learned; fewer when no pair is left.

    Of several pairs seen equally often, the one whose tokens have the smallest ids is merged first, as in `tokenizers`.

    Args:
        word_counts: word -> how often it was seen.
        n_merges: merges wanted.
        progress: called after each merge with the merges made and the merges wanted.
    """
    pairs = PairCounts(word_counts)
    tokens = list(BYTE_TOKENS)  # by code point
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < n_merges and (pair := pairs.pop_best()):
        left, right = (tokens[ord(token)] for token in pair)
        pairs.merge(pair, chr(FIRST_MERGE + len(merges)))
        tokens.append(left + right)
        merges.append((left, right))
        if progress:
            progress(len(merges), n_merges)
    return merges


class PairCounts:
    """Words as strings of tokens, and how often each pair of adjacent tokens occurs in them, kept up to date.

    A pair is a string of two code points. Pairs compare as their two ids do, which settles ties.
    """

    def __init__(self, word_counts: Mapping[str, int]) -> None:
        self._words = [to_code_points(word) for word in word_counts]
        self._word_counts = list(word_counts.values())
        self._counts: defaultdict[str, int] = defaultdict(int)
        # pair -> indices of words that hold it, or once did: an entry is checked when it is used
        self._word_indices: defaultdict[str, list[int]] = defaultdict(list)
        for index, (word, count) in enumerate(zip(self._words, self._word_counts, strict=True)):
            for pair in pairs_in(word):
                self._counts[pair] += count
                self._word_indices[pair].append(index)
        # Counts fall without the heap being updated, so an entry's count is an upper bound.
        self._heap = [(-count, pair) for pair, count in self._counts.items()]
        heapq.heapify(self._heap)

    def pop_best(self) -> str | None:
        """The pair seen most often, smallest ids first; None when no word has two tokens left."""
        while self._heap:
            bound, pair = heapq.heappop(self._heap)
            count = self._counts.get(pair, 0)
            if count == -bound:
                return pair
            if count > 0:
                heapq.heappush(self._heap, (-count, pair))
        return None

    def merge(self, pair: str, new: str) -> None:
        """Make `pair` one token, `new`, in every word, and bring the counts up to date."""
        first, second = pair[0], pair[1]
        changed: set[str] = set()
        for index in self._word_indices.pop(pair):
            word = self._words[index]
            parts = word.split(pair)
            if len(parts) == 1:  # the pair has gone from this word
                continue
            merged = self._words[index] = new.join(parts)
            if len(parts) == 2:  # it occurs once, as nearly always: only the pairs beside it change
                before, after = parts[0][-1:], parts[1][:1]
                lost, made = [before + first, second + after], [before + new, new + after]
                if not (before and after):
                    lost, made = [p for p in lost if len(p) == 2], [p for p in made if len(p) == 2]
            else:  # several times, perhaps side by side: count the whole word anew
                lost, made = pairs_in(word), pairs_in(merged)
            count = self._word_counts[index]
            for lost_pair in lost:
                self._counts[lost_pair] -= count
            for made_pair in made:
                self._counts[made_pair] += count
                self._word_indices[made_pair].append(index)
            changed.update(made)
        self._counts.pop(pair, None)
        for changed_pair in changed:
            heapq.heappush(self._heap, (-self._counts[changed_pair], changed_pair))
