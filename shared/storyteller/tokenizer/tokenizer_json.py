"""Reading and writing vocabularies: Hugging Face's `tokenizer.json`, and GPT-2's `vocab.json` with `merges.txt`.

A tokenizer.json may ask for much that this package does not do (another pre-tokenizer, normalization, dropout). Such a
file is refused, because reading it by halves would give other ids than its author meant.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError, require
from storyteller.tokenizer.vocabulary import END_OF_TEXT, Vocabulary, from_unicode, to_unicode
from storyteller.utils.atomic_io import write_whole

FILE_NAME = "tokenizer.json"

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
# Settings of "model" that change the ids, and the values that switch them off.
_SWITCHED_OFF: Mapping[str, tuple[Any, ...]] = {
    "dropout": (None, 0, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "ignore_merges": (None, False),
}


def write_vocabulary(vocabulary: Vocabulary, path: Path) -> None:
    """Write `tokenizer.json`: aside first, then renamed, so that the file at `path` is whole at every moment.

    Raises:
        StorytellerError: the file cannot be written.
    """
    write_whole(path, json.dumps(to_json(vocabulary), ensure_ascii=False, indent=1) + "\n")


def to_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """The content of `tokenizer.json`, readable by `tokenizers` and `transformers`."""
    ids = {to_unicode(token): i for token, i in vocabulary.tokens.items()} | dict(vocabulary.special_tokens)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special_tokens = sorted(vocabulary.special_tokens.items(), key=lambda item: item[1])
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": token, **flags} for token, i in special_tokens],
        "normalizer": None,
        "pre_tokenizer": _BYTE_LEVEL,
        "post_processor": None,
        "decoder": _BYTE_LEVEL,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(sorted(ids.items(), key=lambda item: item[1])),
            "merges": [[to_unicode(left), to_unicode(right)] for left, right in vocabulary.merges],
        },
    }


def read_vocabulary(path: Path) -> Vocabulary:
    """Read a `tokenizer.json`, or a folder that holds one, or one with GPT-2's `vocab.json` and `merges.txt`.

    Raises:
        StorytellerError: there is no such file, it is damaged, or it asks for what this package does not do.
    """
    if path.is_dir():
        if not (path / FILE_NAME).exists() and (path / "vocab.json").exists():
            return _read_gpt2(path / "vocab.json", path / "merges.txt")
        path = path / FILE_NAME
    content = _read_json(path)
    try:
        return from_json(content)
    except StorytellerError as error:
        raise StorytellerError(f"{path} cannot be used as a tokenizer. {error}") from None


def _read_gpt2(vocab_path: Path, merges_path: Path) -> Vocabulary:
    """GPT-2's own two files: token -> id, and one merge a line, its two tokens with a space between."""
    ids = _read_json(vocab_path)
    lines = _read_text(merges_path).split("\n")
    if lines[0].startswith("#version"):
        del lines[0]
    try:
        special_tokens = {END_OF_TEXT: ids[END_OF_TEXT]} if isinstance(ids, dict) and END_OF_TEXT in ids else {}
        return _vocabulary(ids, [line for line in lines if line], special_tokens)
    except StorytellerError as error:
        raise StorytellerError(f"{vocab_path.parent} cannot be used as a tokenizer. {error}") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StorytellerError(
            f"There is no tokenizer at {path}; make one with `storyteller tokenizer` or Tokenizer.save."
        ) from None
    except OSError as error:
        raise StorytellerError(f"The tokenizer {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise StorytellerError(f"{path} is not UTF-8 text (byte {error.start}); a tokenizer file must be.") from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise StorytellerError(
            f"{path} is not JSON ({error.msg}, line {error.lineno}); a tokenizer.json of Hugging Face's kind is wanted."
        ) from None


def from_json(content: Any) -> Vocabulary:
    """Check that a tokenizer.json asks for what this package does, and take its vocabulary."""
    model = content.get("model") if isinstance(content, dict) else None
    require(isinstance(model, dict) and "vocab" in model, 'It has no "model" with a "vocab" as a tokenizer.json has.')
    assert isinstance(model, dict)  # for mypy, which does not follow require
    kind = model.get("type", "BPE")  # old files leave the type out
    require(kind == "BPE" and "merges" in model, f'Its model is {kind!r}; this tokenizer reads "BPE" with merges only.')
    for name, off in _SWITCHED_OFF.items():
        require(model.get(name) in off, f"Its model sets {name} to {model.get(name)!r}; this tokenizer does without.")
    for name in ("normalizer", "truncation", "padding"):
        require(content.get(name) is None, f"It sets a {name}; this tokenizer reads files without one (null) only.")
    pre = content.get("pre_tokenizer")
    pre_type = pre.get("type") if isinstance(pre, dict) else pre
    require(
        pre_type == "ByteLevel", f"Its pre-tokenizer is {pre_type!r}; this tokenizer reads 'ByteLevel', GPT-2's, only."
    )
    # Both default to true in `tokenizers`; GPT-2's own file says false for the first.
    for name, wanted in (("add_prefix_space", False), ("use_regex", True)):
        value = pre.get(name, True)
        require(
            value is wanted, f"Its pre-tokenizer has {name} {value!r}; this tokenizer needs {wanted!r}, as GPT-2 has."
        )
    post = content.get("post_processor")
    require(
        post is None or (isinstance(post, dict) and post.get("type") == "ByteLevel"),
        "Its post_processor may add tokens; this tokenizer reads null or ByteLevel there.",
    )
    return _vocabulary(model["vocab"], model["merges"], _special_tokens(content.get("added_tokens") or []))


def _special_tokens(added: Any) -> dict[str, int]:
    special_tokens: dict[str, int] = {}
    require(isinstance(added, list), 'Its "added_tokens" is not a list.')
    for entry in added:
        whole = isinstance(entry, dict) and isinstance(entry.get("content"), str) and _is_id(entry.get("id"))
        require(whole, 'An entry of its "added_tokens" has no "content" or no whole number as "id".')
        token = entry["content"]
        require(
            entry.get("special") is True,
            f"Its added token {token!r} is not special; this tokenizer reads special ones only.",
        )
        for flag in ("single_word", "lstrip", "rstrip"):
            require(not entry.get(flag), f"Its added token {token!r} sets {flag}; this tokenizer does without.")
        special_tokens[token] = entry["id"]
    normalized = {bool(entry.get("normalized")) for entry in added}
    require(
        len(normalized) <= 1, 'Its added tokens differ in "normalized"; this tokenizer finds all of them in one pass.'
    )
    return special_tokens


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _vocabulary(ids: Any, merges: Any, special_tokens: Mapping[str, int]) -> Vocabulary:
    """Build the vocabulary from printable characters; special tokens may be among the tokens too."""
    require(isinstance(ids, dict) and all(map(_is_id, ids.values())), "Its vocabulary is not a map from token to id.")
    for token, i in special_tokens.items():
        require(ids.get(token, i) == i, f"It gives the special token {token!r} two ids, {ids.get(token)} and {i}.")
    require(isinstance(merges, list), "Its merges are not a list.")
    pairs = []
    for entry in merges:  # `["Ġ", "t"]`, or `"Ġ t"` as in older files
        pair = entry.split(" ") if isinstance(entry, str) else entry
        whole = isinstance(pair, list) and len(pair) == 2 and all(isinstance(token, str) and token for token in pair)
        require(whole, f"Its merge {entry!r} is not a pair of tokens.")
        pairs.append((from_unicode(pair[0]), from_unicode(pair[1])))
    return Vocabulary(
        tokens={from_unicode(token): i for token, i in ids.items() if token not in special_tokens},
        merges=tuple(pairs),
        special_tokens=dict(special_tokens),
    )
