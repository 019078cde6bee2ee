"""Files: what we write others read, what others write we read or refuse."""

import errno
import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from bpe_peers import SPECIALS, tokenizer, told_stories

from storyteller.errors import StorytellerError
from storyteller.tokenizer import END_OF_TEXT, Tokenizer, tokenizer_json
from storyteller.tokenizer.vocabulary import to_unicode

TEXTS = [*told_stories(5), "", " ", "Zoë 日本\x00 👩‍🚀\n\n  x\u3000y", "don't 'LL 've 12³"]


def content() -> dict[str, Any]:
    """A sound tokenizer.json as plain data, to be damaged."""
    return deepcopy(tokenizer_json.to_json(tokenizer().vocabulary))


def write_gpt2_files(ours: Tokenizer, folder: Path) -> None:
    """vocab.json and merges.txt, as OpenAI published GPT-2's."""
    ids = {to_unicode(token): i for token, i in ours.vocabulary.tokens.items()} | dict(ours.vocabulary.special_tokens)
    (folder / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    lines = [
        "#version: 0.2",
        *(f"{to_unicode(left)} {to_unicode(right)}" for left, right in ours.vocabulary.merges),
        "",
    ]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8", newline="\n")


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    tokenizer().save(tmp_path / "new" / "t.json")
    loaded = Tokenizer.load(tmp_path / "new" / "t.json")
    assert loaded.vocabulary == tokenizer().vocabulary
    assert loaded.fingerprint == tokenizer().fingerprint
    assert loaded.encode_batch(TEXTS, special="allow") == tokenizer().encode_batch(TEXTS, special="allow")
    assert os.listdir(tmp_path / "new") == ["t.json"]


def test_a_folder_stands_for_the_tokenizer_json_in_it(tmp_path: Path) -> None:
    tokenizer().save(tmp_path)
    assert (tmp_path / "tokenizer.json").is_file()
    assert Tokenizer.load(str(tmp_path)).fingerprint == tokenizer().fingerprint


def test_tokenizers_and_transformers_read_the_file_and_give_the_same_ids(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Theirs
    from transformers import PreTrainedTokenizerFast

    path = tmp_path / "tokenizer.json"
    tokenizer().save(path)
    theirs = Theirs.from_file(str(path))
    fast = PreTrainedTokenizerFast(tokenizer_file=str(path))
    assert theirs.get_vocab_size() == len(fast) == tokenizer().vocab_size
    for text in [*TEXTS, "".join(f"{name} and " for name in SPECIALS)]:
        ids = tokenizer().encode(text, special="allow")
        assert ids == theirs.encode(text).ids == fast(text)["input_ids"]
        assert tokenizer().decode(ids) == theirs.decode(ids, skip_special_tokens=False) == text
        assert fast.decode(ids, clean_up_tokenization_spaces=False) == text
        assert tokenizer().decode(ids, skip_special=True) == theirs.decode(ids, skip_special_tokens=True)


def test_a_file_that_tokenizers_trained_is_read_with_its_own_ids(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Theirs
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers

    theirs = Theirs(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = decoders.ByteLevel()
    theirs.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<pad>", END_OF_TEXT],  # these come first, so every id is another than in our layout
    )
    theirs.train_from_iterator(told_stories(50), trainer)
    theirs.save(str(tmp_path / "tokenizer.json"))
    loaded = Tokenizer.load(tmp_path)
    assert (loaded.special_id("<pad>"), loaded.end_id) == (0, 1)
    for text in [*TEXTS, f"a{END_OF_TEXT}b"]:
        assert loaded.encode(text, special="allow") == theirs.encode(text).ids
        assert loaded.decode(loaded.encode(text, special="allow")) == text
    loaded.save(tmp_path / "again.json")
    assert Theirs.from_file(str(tmp_path / "again.json")).encode(TEXTS[0]).ids == theirs.encode(TEXTS[0]).ids


def test_gpt2_files_are_read_as_transformers_reads_them(tmp_path: Path) -> None:
    from transformers import GPT2Tokenizer

    ours = Tokenizer.train([*told_stories(100), "# ## # ## #version"], vocab_size=800)
    write_gpt2_files(ours, tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.fingerprint == ours.fingerprint
    theirs = GPT2Tokenizer.from_pretrained(tmp_path)
    for text in [*TEXTS, f"a{END_OF_TEXT}b"]:
        assert loaded.encode(text, special="allow") == theirs(text)["input_ids"]


def test_gpt2_tokenizer_json_is_read(tmp_path: Path) -> None:
    # As published for GPT-2: merges are strings, newer settings are absent, empty strings stand for "none".
    old = content()
    old["model"]["merges"] = [" ".join(merge) for merge in old["model"]["merges"]]
    old["model"].update(continuing_subword_prefix="", end_of_word_suffix="", unk_token=None)
    for newer in ("type", "byte_fallback", "ignore_merges"):
        del old["model"][newer]
    del old["pre_tokenizer"]["use_regex"]
    old["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps(old), encoding="utf-8")
    assert Tokenizer.load(tmp_path).fingerprint == tokenizer().fingerprint


def test_tokens_that_no_merge_makes_are_kept_and_decoded(tmp_path: Path) -> None:
    extra = content()
    size = len(extra["model"]["vocab"])
    extra["model"]["vocab"]["Ġzebra"] = size
    (tmp_path / "t.json").write_text(json.dumps(extra), encoding="utf-8")
    loaded = Tokenizer.load(tmp_path / "t.json")
    assert loaded.vocab_size == size + 1
    assert loaded.decode([size]) == " zebra"


def _set(*path: Any, to: Any) -> Any:
    def damage(data: dict[str, Any]) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to

    return damage


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_set("model", to=None), 'no "model" with a "vocab"'),
        (_set("model", "type", to="WordPiece"), "Its model is 'WordPiece'"),
        (lambda data: data["model"].pop("merges"), "BPE"),
        (_set("model", "dropout", to=0.1), "sets dropout to 0.1"),
        (_set("model", "end_of_word_suffix", to="</w>"), "sets end_of_word_suffix to '</w>'"),
        (_set("model", "continuing_subword_prefix", to="##"), "continuing_subword_prefix"),
        (_set("model", "ignore_merges", to=True), "sets ignore_merges to True"),
        (_set("normalizer", to={"type": "NFC"}), "sets a normalizer"),
        (_set("truncation", to={"max_length": 8}), "sets a truncation"),
        (_set("pre_tokenizer", to=None), "pre-tokenizer is None"),
        (_set("pre_tokenizer", to={"type": "Whitespace"}), "pre-tokenizer is 'Whitespace'"),
        (_set("pre_tokenizer", to={"type": "Sequence", "pretokenizers": [BYTE_LEVEL]}), "pre-tokenizer is 'Sequence'"),
        (_set("pre_tokenizer", "add_prefix_space", to=True), "add_prefix_space True; this tokenizer needs False"),
        (_set("pre_tokenizer", "use_regex", to=False), "use_regex False; this tokenizer needs True"),
        (_set("post_processor", to={"type": "TemplateProcessing"}), "post_processor may add tokens"),
        (_set("added_tokens", to={}), None),
        (_set("added_tokens", to="x"), "is not a list"),
        (_set("added_tokens", to=[{"id": 1}]), 'no "content"'),
        (_set("added_tokens", 0, "id", to="1"), 'no whole number as "id"'),
        (_set("added_tokens", 0, "id", to=5), "two ids"),
        (_set("added_tokens", 0, "special", to=False), "is not special"),
        (_set("added_tokens", 0, "lstrip", to=True), "sets lstrip"),
        (_set("added_tokens", 0, "normalized", to=True), 'differ in "normalized"'),
        (_set("model", "vocab", to=[]), "not a map from token to id"),
        (_set("model", "vocab", "!", to="0"), "not a map from token to id"),
        (_set("model", "vocab", "!", to=1), "has the id 1 where 0 is due"),
        (_set("model", "vocab", "new", to=10_000), "has the id 10000 where 400 is due"),
        (_set("model", "vocab", "a b", to=400), "which stands for no byte"),
        (lambda data: data["model"]["vocab"].pop("Ġ"), "no token for the byte 0x20"),
        (_set("model", "merges", to={}), "merges are not a list"),
        (_set("model", "merges", 0, to=["a"]), "not a pair of tokens"),
        (_set("model", "merges", 0, to="a b c"), "not a pair of tokens"),
        (_set("model", "merges", 0, to=["a", "zq"]), "builds on a token that no earlier merge makes"),
        (_set("model", "merges", 0, to=["q", "z"]), "makes a token that is not in the vocabulary"),
        (lambda data: data["model"]["merges"].append(data["model"]["merges"][0]), "an earlier merge already makes"),
        (lambda data: data["model"]["merges"].reverse(), "builds on a token that no earlier merge makes"),
    ],
)
def test_a_file_that_asks_for_another_tokenizer_is_refused(tmp_path: Path, damage: Any, complaint: str | None) -> None:
    data = content()
    damage(data)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    if complaint is None:
        complaint = "which stands for no byte"  # without their entry the special tokens are read as ordinary ones
    with pytest.raises(StorytellerError, match=complaint) as refusal:
        Tokenizer.load(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b"[]", 'no "model"'),
        (b"null", 'no "model"'),
        (b'{"model": 3}', 'no "model"'),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, written: bytes, complaint: str) -> None:
    (tmp_path / "tokenizer.json").write_bytes(written)
    with pytest.raises(StorytellerError, match=complaint):
        Tokenizer.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorytellerError, match=r"There is no tokenizer at .*nowhere"):
        Tokenizer.load(tmp_path / "nowhere")
    with pytest.raises(StorytellerError, match=r"There is no tokenizer at .*tokenizer\.json"):
        Tokenizer.load(tmp_path)
    (tmp_path / "vocab.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"There is no tokenizer at .*merges\.txt"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("vocab", ["[]", '{"a": "b"}', "{}"])
def test_damaged_gpt2_files_are_refused(tmp_path: Path, vocab: str) -> None:
    (tmp_path / "vocab.json").write_text(vocab, encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    with pytest.raises(StorytellerError, match="cannot be used as a tokenizer"):
        Tokenizer.load(tmp_path)


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("old", encoding="utf-8")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorytellerError, match="disk is full"):
        tokenizer().save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["tokenizer.json"]
