"""Learning merges: the pair of adjacent tokens that is seen most often becomes a token, again and again.

The plain form (`train_bpe` in lesson 01's `reference.py`) counts all pairs after each merge. Here the counts are kept
up to date, and each pair knows where it occurs, so that a merge looks at its own places and at no others. Both give the
same merges.
"""

import heapq
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise, repeat

from storyteller.tokenizer.vocabulary import BYTE_TOKENS, byte_ids

Progress = Callable[[int, int], None]
Pair = tuple[int, int]

_NONE = -1  # at a place where no token begins or ends
_no_places: Callable[[], "array[int]"] = partial(array, "q")  # half the memory of a list


def learn_merges(
    word_counts: Mapping[str, int], n_merges: int, *, progress: Progress | None = None
) -> list[tuple[bytes, bytes]]:
    """The first `n_merges` merges for these words, in the order learned; fewer when no pair is left.

    Of several pairs seen equally often, the one whose tokens have the smallest ids is merged first, as in `tokenizers`.
    The work grows with the number of bytes in all the words, however long a single word is.

    Args:
        word_counts: word -> how often it was seen.
        n_merges: merges wanted.
        progress: called after each merge with the merges made and the merges wanted.
    """
    pairs = PairCounts(word_counts)
    tokens = list(BYTE_TOKENS)  # by id
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < n_merges and (pair := pairs.pop_best()):
        pairs.merge(pair)
        left, right = (tokens[token] for token in pair)
        tokens.append(left + right)
        merges.append((left, right))
        if progress:
            progress(len(merges), n_merges)
    return merges


class PairCounts:
    """Words as tokens, and how often and where each pair of adjacent tokens occurs in them, kept up to date.

    All words stand one behind the other in one list with a place for each byte. A token's id is written at its first
    and at its last place. So its neighbours are found in one step each, without a linked list: the next token's id
    stands directly after its last place, and the one before ends directly before its first.

        places     0   1   2   3   4   5
        bytes      t   h   e   r   e            _ is no token
        tokens     256 256 e   r   e   _        after the merge of t and h
        tokens     257 _   257 r   e   _        after the merge of th and e
    """

    def __init__(self, word_counts: Mapping[str, int]) -> None:
        self._tokens: list[int] = []
        self._weights: list[int] = []  # place -> how often its word was seen
        for word, count in word_counts.items():
            ids = byte_ids(word)
            self._tokens += ids
            self._tokens.append(_NONE)  # between two words; as list[-1] it is before the first one too
            self._weights += repeat(count, len(ids) + 1)
        self._lengths = [1] * len(BYTE_TOKENS)  # token -> its bytes
        # pair -> places where it begins, or once did, from left to right: a place is checked when it is used
        self._places: defaultdict[Pair, array[int]] = defaultdict(_no_places)
        for place, pair in enumerate(pairwise(self._tokens)):
            self._places[pair].append(place)
        for pair in [pair for pair in self._places if _NONE in pair]:
            del self._places[pair]
        self._counts = {pair: sum(map(self._weights.__getitem__, places)) for pair, places in self._places.items()}
        # (-count, left, right). Counts fall without the heap being updated, so an entry's count is an upper bound.
        self._heap = [(-count, *pair) for pair, count in self._counts.items()]
        heapq.heapify(self._heap)

    def pop_best(self) -> Pair | None:
        """The pair seen most often, smallest ids first; None when no word has two tokens left."""
        while self._heap:
            bound, left, right = heapq.heappop(self._heap)
            count = self._counts.get((left, right), 0)
            if count == -bound:
                return left, right
            if count > 0:
                heapq.heappush(self._heap, (-count, left, right))
        return None

    def merge(self, pair: Pair) -> None:
        """Make `pair` one token, with the next free id, in every word, and bring the counts up to date."""
        tokens, lengths = self._tokens, self._lengths
        first, second = pair
        new = len(lengths)
        first_length, new_length = lengths[first], lengths[first] + lengths[second]
        lengths.append(new_length)
        # neighbour -> where the pair begins that `new` makes with it
        with_left: defaultdict[int, array[int]] = defaultdict(_no_places)
        with_right: defaultdict[int, array[int]] = defaultdict(_no_places)
        for place in self._places.pop(pair):
            middle = place + first_length
            if tokens[place] != first or tokens[middle] != second:  # merged otherwise since
                continue
            after = place + new_length
            tokens[middle - 1] = tokens[middle] = _NONE
            tokens[place] = tokens[after - 1] = new
            if (left := tokens[place - 1]) != _NONE:
                with_left[left].append(place - lengths[left])
            if (right := tokens[after]) != _NONE:
                with_right[right].append(place)
        # In `x a b y` the pairs (x, a) and (b, y) have gone, and (x, ab) and (ab, y) are there instead. In `a b a b`
        # the first merge makes (ab, a), which the second takes away again; so the right is counted before the left.
        counts, weight_at = self._counts, self._weights.__getitem__
        for right, places in with_right.items():
            weight = sum(map(weight_at, places))
            counts[second, right] -= weight
            counts[new, right] = weight
            self._places[new, right] = places
            heapq.heappush(self._heap, (-weight, new, right))
        for left, places in with_left.items():
            weight = sum(map(weight_at, places))
            counts[left, first] -= weight
            counts[left, new] = weight
            self._places[left, new] = places
            heapq.heappush(self._heap, (-weight, left, new))
        del counts[pair]
