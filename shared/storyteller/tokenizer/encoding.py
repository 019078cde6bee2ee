"""Turning words into token ids by the merges learned, and caching the results."""

from collections import defaultdict
from collections.abc import Callable
from itertools import chain

from storyteller.tokenizer.pretokenize import split_chunks, split_words
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, FIRST_MERGE, Vocabulary

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
        self._word_cache = IdCache(WordEncoder(vocabulary).encode)
        self._first_chunk_cache = IdCache(self._encode_chunk)
        self._further_chunk_cache = IdCache(lambda chunk: self._encode_chunk(" " + chunk))

    def encode(self, text: str) -> list[int]:
        """The ids of a text, special tokens in it read as ordinary text.

        Raises:
            UnicodeEncodeError: the text holds a lone surrogate.
        """
        chunks = iter(split_chunks(text))
        ids = list(self._first_chunk_cache[next(chunks)])
        ids.extend(chain.from_iterable(map(self._further_chunk_cache.__getitem__, chunks)))
        return ids

    def _encode_chunk(self, chunk: str) -> Ids:
        words, cache = split_words(chunk), self._word_cache
        if len(words) == 1:
            return cache[words[0]]
        if len(words) == 2:  # nearly all others: a word and the sign behind it
            return cache[words[0]] + cache[words[1]]
        return tuple(chain.from_iterable(map(cache.__getitem__, words)))


class WordEncoder:
    """What the merges make of one word, found without applying them.

    The plain form is `encode_word` in lesson 01's `reference.py`: every merge, in the order learned. Two facts about
    byte-pair encoding allow a shorter way (the crate `bpe` in github.com/github/rust-gems):

    1. Tokens in a row are the encoding of their bytes exactly when each is the encoding of its own bytes and no merge
       would have joined anything across the border between two of them. So a token is tried on sight, and its border
       with the one before is checked.
    2. The start of an encoding is the encoding of that start. So at most one row of tokens leads to a place in the
       word, and a place from which none leads on need not be reached again.

    The longest token that fits is nearly always right. Here a token is a number, FIRST_MERGE plus the merge's rank or
    a byte's index below that: of two tokens the one with the larger number was made later.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        numbers = {spelling: number for number, spelling in enumerate(BYTE_TOKENS)}
        self._merges: dict[tuple[int, int], int] = {}  # pair -> the token that it becomes
        self._pairs = [(byte, byte) for byte in range(FIRST_MERGE)]  # token -> its two parts; a byte has none
        for new, (left, right) in enumerate(vocabulary.merges, start=FIRST_MERGE):
            pair = numbers[left], numbers[right]
            self._pairs.append(pair)
            self._merges[pair] = numbers[left + right] = new
        self._ids = [vocabulary.tokens[spelling] for spelling in numbers]
        # Spelling -> token, if the token is the encoding of its spelling: both parts are that of theirs, and nothing
        # joins them before this merge does.
        self._tokens = {spelling: byte for byte, spelling in enumerate(BYTE_TOKENS)}
        for token, (left, right) in enumerate(vocabulary.merges, start=FIRST_MERGE):
            known = left in self._tokens and right in self._tokens
            if known and self._is_border(numbers[left], numbers[right], before=token):
                self._tokens[left + right] = token
        lengths: defaultdict[bytes, set[int]] = defaultdict(lambda: {1})
        for spelling in self._tokens:
            lengths[spelling[:2]].add(len(spelling))
        # The first two bytes -> how long a token that begins so can be, longest first.
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def _is_border(self, left: int, right: int, *, before: int) -> bool:
        """Whether two tokens side by side stay apart: no merge earlier than `before` joins their ends.

        Going back in time, the token made later is taken apart first. The parts that then meet at the border met there
        until that token was made; a merge of the two that was learned earlier would have taken them away from it.
        """
        merges, pairs = self._merges, self._pairs
        while merges.get((left, right), before) >= before:
            if left < FIRST_MERGE and right < FIRST_MERGE:
                return True
            if left > right:
                before, left = left, pairs[left][1]
            else:  # + 1: where the same pair comes twice, as in `a a a`, the left one is joined
                before, right = right + 1, pairs[right][0]
        return False

    def encode(self, word: str) -> Ids:
        """The ids of a word.

        Raises:
            UnicodeEncodeError: the word holds a lone surrogate.
        """
        spelling = word.encode("utf-8")
        if spelling in self._tokens:
            return (self._ids[self._tokens[spelling]],)
        never = len(self._pairs)  # later than every merge
        tokens: list[int] = []
        starts: list[int] = []  # of each token
        dead_ends: set[int] = set()
        start, limit = 0, len(spelling)
        while start < len(spelling):
            for length in self._lengths.get(spelling[start : start + 2], (1,)):
                end = start + length
                if end > limit or end in dead_ends or (token := self._tokens.get(spelling[start:end])) is None:
                    continue
                if not tokens or self._is_border(tokens[-1], token, before=never):
                    tokens.append(token)
                    starts.append(start)
                    start, limit = end, len(spelling)
                    break
            else:  # nothing fits behind the last token, so a shorter one stands in its place
                dead_ends.add(start)
                tokens.pop()
                start, limit = starts.pop(), start - 1
        return tuple(map(self._ids.__getitem__, tokens))
