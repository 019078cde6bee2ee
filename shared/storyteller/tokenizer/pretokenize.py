"""Pretokenization: cutting text into words (pretokens), which merges never cross.

The cuts are GPT-2's (Radford et al. 2019; the pattern is in OpenAI's `encoder.py`). `split_words` alone defines them;
everything else here gives the same words faster, or in bounded memory.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import regex

# A contraction, or letters, digits or other signs with at most one space before them, or white space. A run of white
# space leaves its last character to the word that follows. `regex` and not `re`: it knows \p{L}, and its \s is
# Unicode's White_Space as in the other tokenizers, where `re` takes \x1c to \x1f for white space too.
GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
_WORDS = regex.compile(GPT2_PATTERN)
# The same for text in ASCII, with which `re` takes half the time.
_ASCII_WORDS = re.compile(
    r"""'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^ \t-\rA-Za-z0-9]+|[ \t-\r]+(?![^ \t-\r])|[ \t-\r]+"""
)

# A word never goes on across a space, so the text may be cut before a space, unless the space is inside a run of
# white space: within "\n  x" the words are "\n " and " x". Safe is a space with something visible on one side at least.
_SAFE_SPACE = re.compile(r" (?=\S)| (?<=\S )")
_UNSAFE_SPACE = re.compile(r" (?<=\s )(?=\s|\Z)")

_SLICE_CHARS = 1 << 20  # characters of a long text that are counted at a time
_MAX_CHUNKS = 1 << 19  # different chunks that are kept before they are split into words


def split_words(text: str) -> list[str]:
    """Cut a text into GPT-2's words; joined, they are the text.

    >>> split_words("Tom's cat  ran.")
    ['Tom', "'s", ' cat', ' ', ' ran', '.']
    """
    words: list[str] = (_ASCII_WORDS if text.isascii() else _WORDS).findall(text)
    return words


def split_chunks(text: str) -> list[str]:
    """Cut a text at spaces, only where a word starts; the spaces are left out, as `str.split` leaves them out.

    The words of the text are the words of the first chunk and of `" " + chunk` for each further one. Splitting at
    spaces is several times faster than the pattern for words, and few chunks are new.

    >>> split_chunks("Tom's cat  ran.")
    ["Tom's", 'cat', '', 'ran.']
    """
    return _SAFE_SPACE.split(text) if _UNSAFE_SPACE.search(text) else text.split(" ")


class SpecialTokens:
    """Finds special tokens such as `<|endoftext|>` in a text. Where several match, the longest is taken."""

    def __init__(self, tokens: Collection[str]) -> None:
        self._tokens = tuple(tokens)
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})") if longest_first else None

    def first(self, text: str) -> re.Match[str] | None:
        """The first special token in the text; None where there is none."""
        # `in` is many times faster than the pattern, and nearly every text has none.
        if self._pattern is None or not any(token in text for token in self._tokens):
            return None
        return self._pattern.search(text)

    def split(self, text: str) -> list[str]:
        """Ordinary text at even indices (it may be empty), special tokens at odd ones."""
        return self._pattern.split(text) if self._pattern and self.first(text) else [text]


def count_words(texts: Iterable[str], *, special_tokens: Collection[str] = ()) -> Counter[str]:
    """How often each word occurs in the texts. No word crosses from one text to the next, or a special token.

    The memory needed grows with the number of different words, not with the length of the text.
    """
    specials = SpecialTokens(special_tokens)
    words: Counter[str] = Counter()
    first: Counter[str] = Counter()
    further: Counter[str] = Counter()
    for text in texts:
        for part in specials.split(text)[::2]:
            for part_slice in _slices(part):
                chunks = iter(split_chunks(part_slice))
                first[next(chunks)] += 1
                further.update(chunks)
            if len(first) + len(further) > _MAX_CHUNKS:
                _add_words(words, first, further)
    _add_words(words, first, further)
    return words


def _slices(text: str) -> Iterator[str]:
    """The text in slices of bounded length, cut only where a word starts."""
    start = 0
    while len(text) - start > _SLICE_CHARS and (space := _SAFE_SPACE.search(text, start + _SLICE_CHARS)):
        yield text[start : space.start()]
        start = space.start()
    yield text[start:]


def _add_words(words: Counter[str], first: Counter[str], further: Counter[str]) -> None:
    """Move the counts of chunks into the counts of their words."""
    for chunks, space in ((first, ""), (further, " ")):
        for chunk, count in chunks.items():
            for word in split_words(space + chunk):
                words[word] += count
        chunks.clear()
