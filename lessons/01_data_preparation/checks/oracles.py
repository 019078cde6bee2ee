"""Oracles that several exercises share: other ways to the same results."""

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from random import Random

from storyteller.tokenizer import Tokenizer, byte_ids
from storyteller_course.lesson_tools.data_preparation import as_vocabulary, joined


def trained(texts, n_merges):
    """The merges that the library's trainer learns, as pairs of ids."""
    vocabulary = Tokenizer.train(texts, vocab_size=256 + n_merges, special_tokens=()).vocabulary
    return [(vocabulary.tokens[left], vocabulary.tokens[right]) for left, right in vocabulary.merges]


def without_ties(draw, n_merges):
    """Texts in which the most frequent pair stands alone at each of the first merges."""
    return list(_search_without_ties(draw.getrandbits(32), n_merges))


@lru_cache(maxsize=64)  # a diagnosis asks for the same texts again and again
def _search_without_ties(seed, n_merges):
    dice = Random(seed)
    while True:
        words = ["".join(dice.choice("oxe") for _ in range(dice.randint(2, 5))) for _ in range(120)]
        rows = Counter(byte_ids(word) for word in words)
        for rank, pair in enumerate(trained(words, n_merges)):
            counts = slow_counts(rows).most_common(2)
            if counts[0][1] == counts[-1][1]:
                break
            rows = Counter({joined(row, pair, 256 + rank): count for row, count in rows.items()})
        else:
            return words


def tokenizer_of(merges):
    """The library's tokenizer with these merges."""
    return Tokenizer(as_vocabulary(merges))


def byte_id(letter):
    """The id of one ASCII letter."""
    return byte_ids(letter)[0]


def slow_counts(words):
    """Write each word as often as it was seen, and count."""
    written = [word for word, count in words.items() for _ in range(count)]
    return Counter(pair for word in written for pair in pairwise(word))
