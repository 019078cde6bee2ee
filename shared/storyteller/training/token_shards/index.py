"""What the files of a folder of shards are, and whether they are whole."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError

INDEX, UNFINISHED = "index.json", "unfinished.json"
FORMAT = 1  # of the files; raised when their layout changes


@dataclass(frozen=True)
class Shard:
    """One line of the index."""

    name: str
    tokens: int
    documents: int
    sha256: str  # of NAME.bin
    ends_sha256: str  # of NAME.ends
    stories_sha256: str  # of the texts it was made from, to notice a corpus that has changed


def read_index(path: Path) -> dict[str, Any]:
    """The index in a file, `INDEX` or `UNFINISHED`.

    Raises:
        StorytellerError: it cannot be read, or another version of this module wrote it.
    """
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise StorytellerError(
                f"{path} has the format {index['format']}, this version reads {FORMAT}; preprocess into another folder."
            )
        return dict(index)
    except (ValueError, KeyError, TypeError):
        raise _damaged(path, "it cannot be read") from None


def shards_of(index: Mapping[str, Any], folder: Path) -> list[Shard]:
    """The lines of an index.

    Raises:
        StorytellerError: they lack fields.
    """
    try:
        return [Shard(**values) for values in index["shards"]]
    except (KeyError, TypeError):
        raise _damaged(folder / INDEX, "it lacks fields") from None


def verify(folder: Path, shard: Shard, width: int) -> None:
    """Compare a shard's files with the index; `width` is the bytes of a token.

    Raises:
        StorytellerError: a file is missing, too short or too long, or has other bytes.
    """
    for suffix, size, wanted in (
        (".bin", shard.tokens * width, shard.sha256),
        (".ends", shard.documents * 8, shard.ends_sha256),
    ):
        path = folder / f"{shard.name}{suffix}"
        if not path.is_file():
            raise _damaged(path, "it is missing")
        if path.stat().st_size != size:
            raise _damaged(path, f"it has {path.stat().st_size:,} bytes and should have {size:,}")
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                raise _damaged(path, "its checksum is not that of the index")


def _damaged(path: Path, why: str) -> StorytellerError:
    return StorytellerError(f"The token shard {path} is damaged: {why}; delete {path.parent} and preprocess again.")
