"""Turning words into token ids by the merges learned, and caching the results."""

import heapq
from collections.abc import Callable, Iterable
from itertools import chain, pairwise

from storyteller.tokenizer.pretokenize import split_chunks, split_words
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, FIRST_MERGE, Vocabulary, pairs_in, to_code_points

MAX_CACHE_ENTRIES = 1 << 17  # a full cache starts anew
MAX_CACHED_CHARS = 64  # longer words and chunks hardly come twice

Ids = tuple[int, ...]


class IdCache(dict[str, Ids]):
    """Text -> ids, computed where it has none yet. It never grows beyond a bound."""

    def __init__(self, compute: Callable[[str], Ids]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, text: str) -> Ids:
        ids = self._compute(text)
        if len(text) <= MAX_CACHED_CHARS:
            if len(self) >= MAX_CACHE_ENTRIES:
                self.clear()
            self[text] = ids
        return ids


class Encoder:
    """Ordinary text to ids. Special tokens are the caller's business."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        code_points = {token: chr(i) for i, token in enumerate(BYTE_TOKENS)}
        # pair -> the token that it becomes; an earlier merge makes a smaller code point
        self._merges: dict[str, str] = {}
        for rank, (left, right) in enumerate(vocabulary.merges):
            new = code_points[left + right] = chr(FIRST_MERGE + rank)
            self._merges[code_points[left] + code_points[right]] = new
        self._pair_of = {new: pair for pair, new in self._merges.items()}
        self._ids = {code_point: vocabulary.tokens[token] for token, code_point in code_points.items()}
        self._word_cache = IdCache(self.encode_word)
        self._first_chunk_cache = IdCache(lambda chunk: self._encode_words(split_words(chunk)))
        self._further_chunk_cache = IdCache(lambda chunk: self._encode_words(split_words(" " + chunk)))

    def encode(self, text: str) -> list[int]:
        """The ids of a text, special tokens in it read as ordinary text.

        Raises:
            UnicodeEncodeError: the text holds a lone surrogate.
        """
        chunks = iter(split_chunks(text))
        ids = list(self._first_chunk_cache[next(chunks)])
        ids.extend(chain.from_iterable(map(self._further_chunk_cache.__getitem__, chunks)))
        return ids

    def _encode_words(self, words: Iterable[str]) -> Ids:
        return tuple(chain.from_iterable(map(self._word_cache.__getitem__, words)))

    def encode_word(self, word: str) -> Ids:
        """Apply the merges to one word, the earliest learned first.

        A merge can only make pairs whose own merges were learned later. So each candidate, a merge that may apply, is
        tried once, in order, on the whole word, and the pairs that it makes join the candidates.
        """
        merges, tokens, last = self._merges, to_code_points(word), ""
        candidates = [merges[pair] for pair in pairs_in(tokens) if pair in merges]
        heapq.heapify(candidates)
        while candidates:
            new = heapq.heappop(candidates)
            if new == last:  # the same pair was there more than once
                continue
            last = new
            parts = tokens.split(self._pair_of[new])
            tokens = new.join(parts)
            for left, right in pairwise(parts):
                # Beside `new` is the end of one part or the start of the next, or `new` itself where that is empty.
                for pair in ((left[-1:] or new) + new, new + (right[:1] or new)):
                    if pair in merges:
                        heapq.heappush(candidates, merges[pair])
        return tuple(map(self._ids.__getitem__, tokens))
