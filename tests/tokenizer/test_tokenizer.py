"""The tokenizer as it is used: special tokens, decoding, clear refusals."""

import pickle
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from bpe_peers import SPECIALS, theirs, tiktokens, tokenizer, told_stories
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, to_unicode


def merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [(to_unicode(left), to_unicode(right)) for left, right in tokenizer.vocabulary.merges]


def test_texts_come_from_an_iterator_that_is_read_once() -> None:
    def lines() -> Iterator[str]:
        yield from told_stories(10)

    assert merges_of(Tokenizer.train(lines(), vocab_size=300)) == merges_of(
        Tokenizer.train(told_stories(10), vocab_size=300)
    )


def test_ids_are_bytes_then_merges_then_special_tokens() -> None:
    tokenizer = Tokenizer.train(["ab ab"], vocab_size=260, special_tokens=["<a>", "<b>"])
    assert [tokenizer.token_bytes(i) for i in (0, 220, 256, 257)] == [b"!", b" ", b"ab", b" ab"]
    assert (tokenizer.special_id("<a>"), tokenizer.special_id("<b>"), tokenizer.vocab_size) == (258, 259, 260)


def test_progress_hears_of_every_merge() -> None:
    heard: list[tuple[int, int]] = []
    Tokenizer.train(["abcd"], vocab_size=259, progress=lambda done, wanted: heard.append((done, wanted)))
    assert heard == [(1, 2), (2, 2)]


def test_a_vocabulary_of_bytes_needs_no_text() -> None:
    assert Tokenizer.train([], vocab_size=257).decode([0, 256]) == "!<|endoftext|>"


@pytest.mark.parametrize(
    ("texts", "options", "complaint"),
    [
        (["ab"], {"vocab_size": 256}, "vocab_size is 256; it must be at least 257"),
        (["ab"], {"vocab_size": 0x110001}, "at most 1,114,112"),
        ([], {"vocab_size": 300}, "no text to learn from"),
        (["", ""], {"vocab_size": 300}, "no text to learn from"),
        ("ab", {"vocab_size": 300}, "pass a list of texts"),
        (["ab"], {"vocab_size": 300, "special_tokens": "<s>"}, "pass a list of different names"),
        (["ab"], {"vocab_size": 300, "special_tokens": ["<s>", "<s>"]}, "pass a list of different names"),
        (["ab"], {"vocab_size": 300, "special_tokens": [""]}, "special token is empty"),
        (["ab"], {"vocab_size": 300, "special_tokens": ["\ud800"]}, "lone surrogate"),
        (["ab"], {"vocab_size": 300, "special_tokens": ["a"]}, "spelled like an ordinary token"),
        (["b b b"], {"vocab_size": 300, "special_tokens": ["Ġb"]}, "would be read as bytes"),
        (["fine", "x \udfff"], {"vocab_size": 300}, r"U\+DFFF in ' \\udfff'"),
    ],
)
def test_what_cannot_be_trained_is_refused(texts: list[str], options: dict, complaint: str) -> None:
    with pytest.raises(StorytellerError, match=complaint):
        Tokenizer.train(texts, **options)


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


@pytest.mark.parametrize("name", ["<|終|>", "🦊", "<|fin du récit|>"])
def test_a_special_token_outside_ascii_is_as_in_tokenizers(tmp_path: Path, name: str) -> None:
    own = Tokenizer.train(["the cat sat. the cat ran."], vocab_size=264, special_tokens=[name])
    own.save(tmp_path / "tokenizer.json")
    hugging = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = f"the {name}cat{name}"
    ids = own.encode(text, special="allow")
    assert ids == hugging.encode(text).ids
    assert own.decode(ids) == hugging.decode(ids, skip_special_tokens=False) == text
    assert own.encode(text, special="escape") != ids


@pytest.mark.parametrize("name", ["ß-ende", "<|finé|>"])
def test_a_special_token_that_other_programs_would_read_as_bytes_is_refused(name: str) -> None:
    with pytest.raises(StorytellerError, match="would be read as bytes by other programs; use ASCII"):
        Tokenizer.train(["the cat sat."], vocab_size=264, special_tokens=[name])


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
    with pytest.raises(ValueError, match="must be 'refuse', 'escape', 'allow' or a set of special tokens"):
        ours.encode(text, special="maybe")  # type: ignore[arg-type]


def test_a_set_allows_the_special_tokens_in_it_and_no_others() -> None:
    ours = tokenizer()
    text = "The end.<|endoftext|>Once"
    assert ours.encode(text, special={"<|endoftext|>", "<s>"}) == ours.encode(text, special="allow")
    assert ours.encode(text, special={"<|endoftext|>"}) == tiktokens().encode(text, allowed_special={"<|endoftext|>"})
    both = f"{text}<s>"
    with pytest.raises(ValueError, match="disallowed special token"):
        tiktokens().encode(both, allowed_special={"<|endoftext|>"})
    with pytest.raises(StorytellerError, match=r"special token '<s>' at position 25;"):
        ours.encode(both, special={"<|endoftext|>"})
    with pytest.raises(StorytellerError, match=r"special token '<\|endoftext\|>' at position 8;"):
        ours.encode(both, special=set())
    with pytest.raises(StorytellerError, match="no special token '<pad>'"):
        ours.encode("fine", special={"<pad>"})


def test_an_iterable_is_encoded_one_text_at_a_time() -> None:
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in ("the owl\n", "a lamp<s>\n"):
            read.append(line)
            yield line

    ours = tokenizer()
    ids = ours.encode_iterable(lines(), special={"<s>"})
    assert not read
    assert next(ids) == ours.encode("the owl\n")[0]
    assert read == ["the owl\n"]
    assert [*ours.encode("the owl\n")[:1], *ids] == ours.encode("the owl\na lamp<s>\n", special="allow")
    for encode in (ours.encode_iterable, ours.encode_batch):
        with pytest.raises(StorytellerError, match="one string; pass a list of texts"):
            encode("the owl")


@given(st.text(st.sampled_from("the owl’s字🐉é\n"), max_size=30))
def test_offsets_are_those_of_tiktoken(text: str) -> None:
    ids = tokenizer().encode(text)
    assert tokenizer().decode_with_offsets(ids) == tiktokens().decode_with_offsets(ids)


def test_offsets_of_half_a_character_are_refused() -> None:
    ours = tokenizer()
    with pytest.raises(StorytellerError, match="not UTF-8, so their characters cannot be counted"):
        ours.decode_with_offsets([BYTE_TOKENS.index(b"\xe5")])


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


def test_a_tokenizer_survives_pickle() -> None:
    copy = pickle.loads(pickle.dumps(tokenizer()))
    assert copy.fingerprint == tokenizer().fingerprint
    assert copy.encode("the owl") == tokenizer().encode("the owl")
