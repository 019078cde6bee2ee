"""Lesson 01's answers in their plain form.

What stands in `storyteller_course.parts.data_preparation` in the same form is re-exported from there.
"""

from collections import Counter
from itertools import pairwise

from storyteller.tokenizer import BYTE_TOKENS, END_OF_TEXT, FIRST_MERGE, byte_ids, split_words
from storyteller_course.parts.data_preparation import (
    CURLY,
    MOJIBAKE,
    SENTENCE_END,
    TAG,
    Pair,
    Word,
    clean_story,
    compression,
    count_pairs,
    decode,
    encode_word,
    merge_pair,
    split_corpus,
    wordpiece_scores,
)

__all__ = [
    "BYTE_TOKENS",
    "CURLY",
    "END_OF_TEXT",
    "FIRST_MERGE",
    "MOJIBAKE",
    "SENTENCE_END",
    "TAG",
    "Pair",
    "Word",
    "clean_story",
    "compression",
    "count_pairs",
    "decode",
    "encode",
    "encode_word",
    "length_statistics",
    "merge_pair",
    "split_corpus",
    "train_bpe",
    "train_bpe_fast",
    "wordpiece_scores",
]


def length_statistics(texts: list[str], percentiles: tuple[float, ...] = (5, 50, 95)) -> dict:
    """How long the texts of a corpus are, in words (pieces between white space).

    Args:
        texts: the texts.
        percentiles: which percentiles to compute, numbers from 0 to 100.

    Returns:
        "texts" (how many), "words" (of all together), "mean", "shortest", "longest", and "percentiles": p -> the
        length below which p per cent of the texts lie, interpolated between the two nearest texts.

    Raises:
        ValueError: there is no text.
    """
    # Step 1: The length of each text in words, in ascending order; without any text raise a ValueError.
    lengths = sorted(len(text.split()) for text in texts)
    if not lengths:
        raise ValueError("there is no text to measure")
    values = {}
    for p in percentiles:
        # Step 2: For each p its place among the sorted lengths, h = p / 100 * (n - 1).
        place = p / 100 * (len(lengths) - 1)
        # Step 3: The value at h: from the length at int(h) go towards the next one by the fraction of h.
        lower = int(place)
        upper = min(lower + 1, len(lengths) - 1)
        values[p] = lengths[lower] + (place - lower) * (lengths[upper] - lengths[lower])
    # Step 4: Return the six values by their names.
    return {
        "texts": len(lengths),
        "words": sum(lengths),
        "mean": sum(lengths) / len(lengths),
        "shortest": lengths[0],
        "longest": lengths[-1],
        "percentiles": values,
    }


def train_bpe(texts: list[str], n_merges: int) -> list[Pair]:
    """Learn the merges of byte-level BPE.

    Args:
        texts: the texts to learn from. No merge crosses from one word to the next, nor from one text to the next.
        n_merges: how many merges to learn; fewer come back when no pair is left.

    Returns:
        The pairs of token ids that were merged, in the order learned; merge number r makes token 256 + r.
    """
    # Step 1: Count each word (split_words) of the texts, as the tuple of its byte ids (byte_ids).
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    merges: list[Pair] = []
    for new_id in range(FIRST_MERGE, FIRST_MERGE + n_merges):
        # Step 2: Again and again: count the pairs; when there is none, stop.
        counts = count_pairs(words)
        if not counts:
            break
        # Step 3: Choose the pair seen most often; of several, the one with the smallest ids.
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        # Step 4: Merge it in every word, the words keeping their counts, and note it down.
        words = {merge_pair(word, best, new_id): count for word, count in words.items()}
        merges.append(best)
    return merges


def encode(text: str, merges: list[Pair]) -> list[int]:
    """The token ids of any text.

    Args:
        text: any text at all.
        merges: pairs of ids in the order learned.

    Returns:
        Ids from which `decode` gives back exactly this text.
    """
    ids: list[int] = []
    # Cut the text into words.
    for word in split_words(text):
        # The ids of its bytes; every byte has one.
        tokens = byte_ids(word)
        # Merges never cross from one word to the next.
        ids.extend(encode_word(tokens, merges))
    return ids


def train_bpe_fast(texts: list[str], n_merges: int) -> list[Pair]:
    """The same merges as `train_bpe`, with counts that are kept up to date.

    Args:
        texts: the texts to learn from.
        n_merges: how many merges to learn; fewer come back when no pair is left.

    Returns:
        The pairs of token ids that were merged, in the order learned.
    """
    # Step 1: Count the words, count their pairs once, and note for each pair the words that it stands in.
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    counts = Counter(count_pairs(words))
    places: dict[Pair, set[Word]] = {pair: set() for pair in counts}
    for word in words:
        for pair in pairwise(word):
            places[pair].add(word)
    merges: list[Pair] = []
    while counts and len(merges) < n_merges:
        # Step 2: Again and again: choose the best pair as before.
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        # Step 3: For each word that it stands in, take the word's pairs out of the counts and put the merged word's in.
        for word in places[best].copy():
            count, merged = words.pop(word), merge_pair(word, best, FIRST_MERGE + len(merges))
            for pair in pairwise(word):
                counts[pair] -= count
                places[pair].discard(word)
            words[merged] = count
            for pair in pairwise(merged):
                counts[pair] += count
                places.setdefault(pair, set()).add(merged)
        # Step 4: Forget the pairs that have gone, and note the merge down.
        counts = +counts
        merges.append(best)
    return merges
