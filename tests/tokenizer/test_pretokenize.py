"""Pretokenization: the same words as GPT-2's pattern and as `tokenizers`."""

import unicodedata
from collections import Counter
from itertools import product

import pytest
from bpe_peers import ANY, NARROW, WHITE_SPACE, WIDE, tokenizer, told_stories
from hypothesis import given
from hypothesis import strategies as st
from test_plain_form import plain_words

from storyteller.tokenizer import pretokenize
from storyteller.tokenizer.pretokenize import count_words, split_chunks, split_words
from storyteller.tokenizer.vocabulary import to_unicode


@given(st.one_of(NARROW, WIDE, ANY))
def test_words_are_counted_as_the_plain_way_counts_them(texts: list[str]) -> None:
    assert count_words(texts) == Counter(word for text in texts for word in plain_words(text))


@given(st.text(st.sampled_from(" \n\t\x1c\x85\u3000a'1"), max_size=12))
def test_chunks_hold_the_words_of_the_text(text: str) -> None:
    first, *further = split_chunks(text)
    assert [*split_words(first), *(word for chunk in further for word in split_words(" " + chunk))] == plain_words(text)


@given(st.text(st.characters(max_codepoint=0x7F), max_size=12))
def test_words_of_ascii_text_are_those_of_the_pattern(text: str) -> None:
    assert text.isascii()
    assert split_words(text) == plain_words(text)


def test_counting_in_small_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*told_stories(20), "  \n  a  b \n\n  c\t \t d" * 20]
    wanted = Counter(word for text in texts for word in plain_words(text))
    monkeypatch.setattr(pretokenize, "_MAX_CHUNKS", 10)
    for length in (1, 2, 7, 50):
        monkeypatch.setattr(pretokenize, "_SLICE_CHARS", length)
        assert count_words(texts) == wanted


def test_every_white_space_in_every_company_gives_the_same_words() -> None:
    from tokenizers import pre_tokenizers

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
