"""Encoding: the same ids and the same text as the plain form, `tokenizers` and `tiktoken`."""

import json
import random
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from bpe_peers import TEXT, as_tiktoken, theirs, tiktokens, tokenizer, told_stories
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_plain_form import plain_encode, plain_train

from storyteller.tokenizer import END_OF_TEXT, Tokenizer, Vocabulary, encoding, tokenizer_json
from storyteller.tokenizer.vocabulary import BYTE_TOKENS


@cache
def plain_merges() -> list[tuple[int, int]]:
    vocabulary = tokenizer().vocabulary
    return [(vocabulary.tokens[left], vocabulary.tokens[right]) for left, right in vocabulary.merges]


@settings(max_examples=500, deadline=None)
@given(TEXT)
@example("")
@example("\x00")
@example("   ")
@example("a   b \n  c\n\n\td ")
@example("Zoë’s 👩‍🚀   日本語 <|endoftext|> Don't'LL")
def test_ids_are_those_of_all_the_others(text: str) -> None:
    ids = tokenizer().encode(text, special="escape")
    assert ids == plain_encode(text, plain_merges())
    theirs().encode_special_tokens = True
    assert ids == theirs().encode(text).ids
    assert ids == tiktokens().encode(text, disallowed_special=())
    assert tokenizer().decode(ids) == text


def test_real_stories_have_the_same_ids_everywhere(shared_data: Path) -> None:
    from tokenizers import Tokenizer as Theirs

    stories = (shared_data / "tinystories-v2-sample.txt").read_text(encoding="utf-8").split(END_OF_TEXT)[:400]
    stories += (shared_data / "writingprompts-train-500.jsonl").read_text(encoding="utf-8").split("\n")[:50]
    ours = Tokenizer.train(stories, vocab_size=3000)
    ids = ours.encode_batch(stories)
    assert ids == as_tiktoken(ours).encode_ordinary_batch(stories)
    theirs = Theirs.from_str(json.dumps(tokenizer_json.to_json(ours.vocabulary)))
    assert ids == [encoded.ids for encoded in theirs.encode_batch(stories)]
    assert [ours.decode(story) for story in ids] == stories
    assert ours.encode_batch(stories) == ids  # now all from memory


@pytest.mark.parametrize("sign", ["a", "ab", " ", "\n ", "字", "🐉", "\u3000", "'s", "aA1 "])
def test_a_long_word_has_the_same_ids_as_in_tiktoken(sign: str) -> None:
    text = sign * (5000 // len(sign))
    assert tokenizer().encode(text) == tiktokens().encode(text)


def test_memory_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MAX_CACHE_ENTRIES", 20)
    monkeypatch.setattr(encoding, "MAX_CACHED_CHARS", 6)
    forgetful = Tokenizer(tokenizer().vocabulary)
    texts = told_stories(50)
    assert forgetful.encode_batch(texts) == tokenizer().encode_batch(texts)
    for memory in (
        forgetful._encoder._word_cache,
        forgetful._encoder._first_chunk_cache,
        forgetful._encoder._further_chunk_cache,
    ):
        assert len(memory) <= 20
        assert max(map(len, memory), default=0) <= 6


def test_ids_among_the_surrogates_and_beyond_are_ids_like_others() -> None:
    # All 65,536 pairs of bytes, then pairs of pairs: " a" has an id among U+D800 to U+DFFF,
    # which are no characters, "ab" below and "abcd" above.
    pairs = list(product(BYTE_TOKENS, repeat=2))
    quads = [(left.encode(), right.encode()) for left, right in product(["ab", "cd"], repeat=2)]
    ours = Tokenizer(Vocabulary.learned([*pairs, *quads], [END_OF_TEXT]))
    tiktokens = as_tiktoken(ours)
    rng = random.Random(2)
    for _ in range(300):
        text = "".join(rng.choices("  aabbccdd", k=30))
        assert ours.encode(text) == tiktokens.encode(text)
        assert ours.decode(ours.encode(text)) == text
    assert 0xD800 <= ours.encode(" a")[0] < 0xE000 < 0x10000 < ours.encode("abcd")[0] < ours.end_id


def test_plain_training_and_fast_encoding_fit_together() -> None:
    texts = told_stories(10)
    merges = plain_train(texts, 60)
    ours = Tokenizer.train(texts, vocab_size=317)
    assert ours.encode(texts[0]) == plain_encode(texts[0], merges)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_merges_that_no_training_gave_are_applied_in_their_order(data: st.DataObject) -> None:
    # Any pairs in any order: some tokens are never reached, because an earlier merge takes a part of them away.
    tokens = [b"a", b"b", b"c"]
    merges: list[tuple[bytes, bytes]] = []
    for _ in range(data.draw(st.integers(1, 12))):
        left, right = data.draw(st.sampled_from(tokens)), data.draw(st.sampled_from(tokens))
        if left + right not in tokens and len(left + right) < 20:
            merges.append((left, right))
            tokens.append(left + right)
    ours = Tokenizer(Vocabulary.learned(merges, []))
    ids = ours.vocabulary.tokens
    word = data.draw(st.text(st.sampled_from("aabc"), max_size=24))
    assert ours.encode(word) == plain_encode(word, [(ids[left], ids[right]) for left, right in merges])


def test_a_longest_token_that_leads_nowhere_is_taken_back() -> None:
    # "abc" fits first in "abcd", but "cd" was learned before it; and "abcd" as a whole is never reached.
    ours = Tokenizer(Vocabulary.learned([(b"a", b"b"), (b"c", b"d"), (b"ab", b"c"), (b"abc", b"d")], []))
    assert [ours.token_bytes(i) for i in ours.encode("abcd")] == [b"ab", b"cd"]
    assert [ours.token_bytes(i) for i in ours.encode("abcabcd")] == [b"abc", b"ab", b"cd"]


@pytest.mark.parametrize("letters", ["ab", "abcdefghijklmnopqrstuvwxyz"])
def test_the_work_grows_with_the_length_of_a_word(letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    vocabulary = Tokenizer.train(["".join(rng.choices(letters, k=3000)) for _ in range(3)], vocab_size=1000).vocabulary
    checks = 0
    plain_check = encoding.WordEncoder._is_border

    def counted(self: encoding.WordEncoder, left: int, right: int, *, before: int) -> bool:
        nonlocal checks
        checks += 1
        return plain_check(self, left, right, before=before)

    word = "".join(rng.choices(letters, k=20_000))
    encoder = encoding.WordEncoder(vocabulary)
    monkeypatch.setattr(encoding.WordEncoder, "_is_border", counted)
    ids = encoder.encode(word)
    assert len(ids) <= checks + 1 <= 3 * len(word)
    assert list(ids) == as_tiktoken(Tokenizer(vocabulary)).encode(word)
