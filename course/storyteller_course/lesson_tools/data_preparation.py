"""Lesson 01: what stories are cleaned by, and merges as the library's tokenizer takes them.

A merge is a pair of token ids; a list of merges, in the order learned, is what a tokenizer learns. Its pattern, the
order of the bytes and its special tokens are chosen before.
"""

import re
from collections.abc import Callable, Sequence

from storyteller.tokenizer import BYTE_TOKENS, FIRST_MERGE, Vocabulary, byte_ids
from storyteller.tokenizer.pretokenize import count_words

Pair = tuple[int, int]
Word = tuple[int, ...]

# What a character becomes when its UTF-8 bytes are read as Windows-1252. The first is a closing quote whose last byte,
# 9D, is no character there and was dropped on the way.
MOJIBAKE = {"â€": "”", "â€œ": "“", "â€™": "’", "â€˜": "‘", "â€“": "–", "â€”": "—", "â€¦": "…", "Ã©": "é", "Ã±": "ñ"}
CURLY = {"“": '"', "”": '"', "‘": "'", "’": "'"}
# <br>, </i> and their like; marks such as <|endoftext|>; labels of the forum such as [WP] or [ WP ].
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\|\w+\|>|\[ ?[A-Z]{2} ?\]")
# A full stop, exclamation or question mark, what closes quotes behind it, and then white space or the end.
SENTENCE_END = re.compile(r"[.!?][\"')]*(?=\s|$)")


def joined(word: Word, pair: Pair, new_id: int) -> Word:
    """A pair merged by Python's own text search: one character stands for one token."""
    left, right = map(chr, pair)
    return tuple(map(ord, "".join(map(chr, word)).replace(left + right, chr(new_id))))


def train_choosing(choose: Callable[[dict[Word, int]], Pair], texts: list[str], n_merges: int) -> list[Pair]:
    """Merges learned with another rule for the pair that comes next, to compare rules with each other.

    Args:
        choose: gives the pair to merge, for the words and how often each was seen.
        texts: the texts to learn from.
        n_merges: how many merges to learn; there must be so many.
    """
    words = {byte_ids(word): count for word, count in count_words(texts).items()}
    chosen: list[Pair] = []
    for rank in range(n_merges):
        chosen.append(choose(words))
        words = {joined(word, chosen[-1], FIRST_MERGE + rank): count for word, count in words.items()}
    return chosen


def as_vocabulary(merges: Sequence[Pair], special_tokens: Sequence[str] = ()) -> Vocabulary:
    """The library's vocabulary of these merges, for its `Tokenizer`."""
    spelled, texts = [], [*BYTE_TOKENS]
    for first, second in merges:
        pair = texts[first], texts[second]
        spelled.append(pair)
        texts.append(b"".join(pair))
    return Vocabulary.learned(spelled, special_tokens)
