"""Turning words into token ids by the merges learned, and remembering the results."""

import heapq
from collections.abc import Callable, Iterable
from itertools import chain, pairwise

from storyteller.tokenizer.pretokenize import split_chunks, split_words
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, FIRST_MERGE, Vocabulary, neighbours, to_code_points

MOST_REMEMBERED = 1 << 17  # entries of a cache; a full cache starts anew
LONGEST_REMEMBERED = 64  # characters; longer pieces of text hardly come twice

Ids = tuple[int, ...]


class Remembered(dict[str, Ids]):
    """A dictionary that computes what it does not have yet. It never grows beyond a bound."""

    def __init__(self, compute: Callable[[str], Ids]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, text: str) -> Ids:
        ids = self._compute(text)
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[text] = ids
        return ids


class Encoder:
    """Ordinary text to ids. Special tokens are the caller's business."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        code_points = {token: chr(i) for i, token in enumerate(BYTE_TOKENS)}
        # pair -> the token that it becomes; an earlier merge makes a smaller code point
        self._merged: dict[str, str] = {}
        for rank, (left, right) in enumerate(vocabulary.merges):
            new = code_points[left + right] = chr(FIRST_MERGE + rank)
            self._merged[code_points[left] + code_points[right]] = new
        self._pair = {new: pair for pair, new in self._merged.items()}
        self._ids = {code_point: vocabulary.tokens[token] for token, code_point in code_points.items()}
        self._words = Remembered(self._encode_word)
        self._first_chunks = Remembered(lambda chunk: self._encode_words(split_words(chunk)))
        self._further_chunks = Remembered(lambda chunk: self._encode_words(split_words(" " + chunk)))

    def encode(self, text: str) -> list[int]:
        """The ids of a text, special tokens in it read as ordinary text.

        Raises:
            UnicodeEncodeError: the text holds a lone surrogate.
        """
        chunks = iter(split_chunks(text))
        ids = list(self._first_chunks[next(chunks)])
        ids.extend(chain.from_iterable(map(self._further_chunks.__getitem__, chunks)))
        return ids

    def _encode_words(self, words: Iterable[str]) -> Ids:
        return tuple(chain.from_iterable(map(self._words.__getitem__, words)))

    def _encode_word(self, word: str) -> Ids:
        """Apply the merges to one word, the earliest learned first.

        A merge can only make pairs whose own merges were learned later. So each merge that may apply is tried once, in
        order, on the whole word, and the pairs that it makes join those that wait.
        """
        merged, tokens, last = self._merged, to_code_points(word), ""
        waiting = [merged[pair] for pair in neighbours(tokens) if pair in merged]
        heapq.heapify(waiting)
        while waiting:
            new = heapq.heappop(waiting)
            if new == last:  # it waited more than once
                continue
            last = new
            parts = tokens.split(self._pair[new])
            tokens = new.join(parts)
            for left, right in pairwise(parts):
                # Beside `new` stands the end of one part or the start of the next, or `new` itself where that is empty.
                for pair in ((left[-1:] or new) + new, new + (right[:1] or new)):
                    if pair in merged:
                        heapq.heappush(waiting, merged[pair])
        return tuple(map(self._ids.__getitem__, tokens))
