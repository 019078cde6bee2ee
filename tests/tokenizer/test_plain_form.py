"""Byte-level BPE in its plain form: count everything anew after each merge. The other tests compare with it."""

from collections import Counter
from itertools import pairwise

import pytest
import regex

GPT2_PATTERN = (
    r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""  # as OpenAI published it
)


def gpt2_byte_order() -> list[int]:
    """The bytes in the order of the characters that OpenAI's bytes_to_unicode gives them."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return visible + [byte for byte in range(256) if byte not in visible]


def plain_words(text: str) -> list[str]:
    return regex.findall(GPT2_PATTERN, text)


def plain_ids(word: str) -> list[int]:
    order = gpt2_byte_order()
    return [order.index(byte) for byte in word.encode("utf-8")]


def plain_merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    merged = []
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def plain_train(texts: list[str], n_merges: int) -> list[tuple[int, int]]:
    """The merges as pairs of ids: the most frequent pair first, the smallest ids of those equally frequent."""
    words = [plain_ids(word) for text in texts for word in plain_words(text)]
    merges: list[tuple[int, int]] = []
    for new in range(256, 256 + n_merges):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = [plain_merge(word, best, new) for word in words]
        merges.append(best)
    return merges


def plain_encode(text: str, merges: list[tuple[int, int]]) -> list[int]:
    """Every merge in the order learned, on every word."""
    ids = []
    for word in plain_words(text):
        tokens = plain_ids(word)
        for new, pair in enumerate(merges, start=256):
            tokens = plain_merge(tokens, pair, new)
        ids += tokens
    return ids


def test_the_plain_trainer_merges_what_a_hand_count_gives() -> None:
    # "low" x3, "lower" x1: l-o and o-w stand four times each; "l" has a smaller id than "o".
    order = gpt2_byte_order()
    byte_id = {chr(byte): order.index(byte) for byte in order}
    first, second, third = plain_train(["low", "low", "low", "lower"], 3)
    assert first == (byte_id["l"], byte_id["o"])
    assert second == (256, byte_id["w"])
    assert third == (byte_id["e"], byte_id["r"])


@pytest.mark.parametrize(("text", "wanted"), [("", []), ("lower", [257, 258]), ("wol", None)])
def test_the_plain_encoder_applies_merges_in_order(text: str, wanted: list[int] | None) -> None:
    merges = plain_train(["low", "low", "low", "lower"], 3)
    assert plain_encode(text, merges) == (plain_ids(text) if wanted is None else wanted)
