"""Encoding and decoding: the same ids and the same text as the plain form, `tokenizers` and `tiktoken`."""

import json
import pickle
import random
import unicodedata
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_plain_form import GPT2_PATTERN, plain_encode, plain_train, plain_words
from test_training import told_stories

from storyteller.errors import StorytellerError
from storyteller.tokenizer import END_OF_TEXT, Tokenizer, Vocabulary, encoding, tokenizer_json
from storyteller.tokenizer.pretokenize import split_words
from storyteller.tokenizer.vocabulary import BYTE_TOKENS

WHITE_SPACE = [c for c in map(chr, range(0x3001)) if c.isspace() and c not in "\x1c\x1d\x1e\x1f"]
SIGNS = [
    *WHITE_SPACE,
    *"\x1c\x1d\x1e\x1f\x00\x7f\u200b\ufeff",
    *"ab'sStdmrevl01²Ⅷ.!-_",
    *"éßжאन字ㅎ",
    "e\u0301",
    "🐉",
    "👩‍🚀",
    "🇨🇭",
]
TEXT = st.one_of(
    st.text(
        st.characters(exclude_categories=["Cs", "Cn"])
    ),  # Cn, not assigned: each package has its own Unicode version
    st.lists(st.sampled_from([*SIGNS, " the", " cat", "'ll", "\r\n"]), max_size=30).map("".join),
)
SPECIALS = ["<|endoftext|>", "<|end|>", "<|end|>x", "<s>", "日本"]


@cache
def tokenizer() -> Tokenizer:
    texts = [*told_stories(200), "日本 日本語 👩‍🚀👩‍🚀 жаба\u3000жаба \x00\x00 ééé    !!!!\n\n\n'll 've"]
    return Tokenizer.train(texts, vocab_size=400, special_tokens=SPECIALS)


@cache
def theirs() -> Any:
    from tokenizers import Tokenizer as Theirs

    return Theirs.from_str(json.dumps(tokenizer_json.to_json(tokenizer().vocabulary)))


def as_tiktoken(ours: Tokenizer) -> Any:
    from tiktoken import Encoding

    vocabulary = ours.vocabulary
    # tiktoken takes ranks for ids, which is so in our own layout only.
    return Encoding(
        "ours",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=dict(vocabulary.tokens),
        special_tokens=dict(vocabulary.special_tokens),
    )


@cache
def tiktokens() -> Any:
    return as_tiktoken(tokenizer())


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


def test_every_white_space_in_every_company_gives_the_same_words() -> None:
    from tokenizers import pre_tokenizers

    from storyteller.tokenizer.vocabulary import to_unicode

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for space in WHITE_SPACE:
        for signs in product(["", " ", space, "\n", "a", "1", "!"], repeat=4):
            text = "".join(signs)
            words = split_words(text)
            assert words == plain_words(text)
            assert [to_unicode(word.encode()) for word in words] == [
                word for word, _ in byte_level.pre_tokenize_str(text)
            ]
            assert tokenizer().decode(tokenizer().encode(text)) == text


def test_every_assigned_character_is_cut_as_tokenizers_cuts_it() -> None:
    from tokenizers import pre_tokenizers

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Scripts added lately are left out: the packages' Unicode tables need not be equally old.
    old = [chr(i) for i in range(0x11000) if unicodedata.ucd_3_2_0.category(chr(i)) not in ("Cn", "Cs")]
    for start in range(0, len(old), 1000):
        text = "".join(f"a{c}1{c}!{c} {c}" for c in old[start : start + 1000])
        lengths = [len(word) for word in split_words(text)]
        assert lengths == [end - start for _, (start, end) in byte_level.pre_tokenize_str(text)]


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
    # A merge is a code point. All 65,536 pairs of bytes, then pairs of pairs: " a" lies among U+D800 to U+DFFF, where
    # code points are no characters, "ab" below and "abcd" above.
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


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(SPECIALS), st.sampled_from(["<", "|>", "x", " ", "end", "日", "\n"])), max_size=12
    )
)
def test_special_tokens_are_found_as_tokenizers_finds_them(parts: list[str]) -> None:
    text = "".join(parts)
    ids = tokenizer().encode(text, special="allow")
    theirs().encode_special_tokens = False
    assert ids == theirs().encode(text).ids
    assert tokenizer().decode(ids) == text


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(SPECIALS[:1]), st.sampled_from(["<", "|>", "x", " ", "\n"])), max_size=12))
def test_special_tokens_are_found_as_tiktoken_finds_them(parts: list[str]) -> None:
    # One special token only: with overlapping ones tiktoken's choice is that of a hash table.
    text = "".join(parts)
    assert tokenizer().encode(text, special="allow") == tiktokens().encode(text, allowed_special="all")


def test_the_longest_special_token_wins() -> None:
    ours = tokenizer()
    assert ours.encode("<|end|>x", special="allow") == [ours.special_id("<|end|>x")]
    assert ours.encode("<|end|>y", special="allow") == [ours.special_id("<|end|>"), *ours.encode("y")]


def test_a_special_token_in_the_text_is_refused_escaped_or_allowed() -> None:
    ours = tokenizer()
    text = "The end.<|endoftext|>Once"
    with pytest.raises(StorytellerError, match=r"'<\|endoftext\|>' at position 8.*special='allow'"):
        ours.encode(text)
    with pytest.raises(StorytellerError, match="special token"):
        ours.encode_batch(["fine", text])
    assert ours.encode(text, special="allow") == [*ours.encode("The end."), ours.end_id, *ours.encode("Once")]
    assert ours.end_id not in ours.encode(text, special="escape")
    assert ours.decode(ours.encode(text, special="escape")) == text
    assert ours.encode_batch([text], special="allow") == [ours.encode(text, special="allow")]
    with pytest.raises(ValueError, match="must be 'refuse', 'escape' or 'allow'"):
        ours.encode(text, special="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["\ud800", "ab \udfff", "\ud83d\ude00", "x" * 100 + "\udc80", "<|endoftext|>\ud800"])
@pytest.mark.parametrize("special", ["escape", "allow"])
def test_a_lone_surrogate_is_refused(text: str, special: Any) -> None:
    place = next(i for i, c in enumerate(text) if unicodedata.category(c) == "Cs")
    with pytest.raises(StorytellerError, match=rf"lone surrogate, U\+{ord(text[place]):04X} in '.*\\u"):
        tokenizer().encode(text, special=special)


@given(st.binary(max_size=40))
def test_bytes_that_are_not_utf8_become_replacement_characters(data: bytes) -> None:
    ids = [BYTE_TOKENS.index(bytes([byte])) for byte in data]
    assert tokenizer().decode_bytes(ids) == data
    assert tokenizer().decode(ids) == data.decode("utf-8", "replace")
    assert tokenizer().decode(ids) == theirs().decode(ids)


@pytest.mark.parametrize("unknown", [-1, 400, 10**9])
def test_an_unknown_id_is_refused(unknown: int) -> None:
    for refuse in (tokenizer().decode, tokenizer().decode_bytes):
        with pytest.raises(
            StorytellerError, match=f"The id {unknown} is not in the vocabulary, whose ids are 0 to 399"
        ):
            refuse([0, unknown])
    with pytest.raises(StorytellerError, match=f"The id {unknown}"):
        tokenizer().decode([unknown], skip_special=True)


def test_special_tokens_are_decoded_or_skipped() -> None:
    ours = tokenizer()
    ids = ours.encode("日本 one<|endoftext|>", special="allow")
    assert ours.decode(ids) == "日本 one<|endoftext|>"
    assert ours.decode(ids, skip_special=True) == " one"


def test_tensors_and_arrays_are_decoded() -> None:
    import numpy
    import torch

    ids = tokenizer().encode("the owl’s lamp")
    assert tokenizer().decode(torch.tensor(ids)) == "the owl’s lamp"
    assert tokenizer().decode(numpy.array(ids), skip_special=True) == "the owl’s lamp"
    assert tokenizer().decode(iter(ids)) == "the owl’s lamp"


def test_an_unknown_special_token_is_named() -> None:
    with pytest.raises(StorytellerError, match="no special token '<pad>'; it has '<a>'"):
        Tokenizer.train(["ab"], vocab_size=257, special_tokens=["<a>"]).special_id("<pad>")
    with pytest.raises(StorytellerError, match="it has none"):
        _ = Tokenizer.train(["ab"], vocab_size=256, special_tokens=[]).end_id


def test_plain_training_and_fast_encoding_fit_together() -> None:
    texts = told_stories(10)
    merges = plain_train(texts, 60)
    ours = Tokenizer.train(texts, vocab_size=317)
    assert ours.encode(texts[0]) == plain_encode(texts[0], merges)


def test_a_tokenizer_survives_pickle() -> None:
    copy = pickle.loads(pickle.dumps(tokenizer()))
    assert copy.fingerprint == tokenizer().fingerprint
    assert copy.encode("the owl") == tokenizer().encode("the owl")
