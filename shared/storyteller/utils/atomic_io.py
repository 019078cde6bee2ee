"""Writing files so that a kill, a Ctrl-C or a full disk never leaves half of one under its final name; reading JSON."""

import errno
import io
import json
import os
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from storyteller.errors import StorytellerError

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can name
# What a write raises when there is no room: no space, quota used up, file size limit reached.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def writing(path: Path, *, way_out: str = "name another place with --out") -> Iterator[None]:
    """Turn what goes wrong while something is written at `path` into one sentence, which ends with the way out.

    Raises:
        StorytellerError: the disk is full, or the place may not be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorytellerError(
                f"The disk is full: {path} could not be written; what was complete before it is kept, "
                "so free some space and run the same command again."
            ) from error
        misplaced = PermissionError | NotADirectoryError | IsADirectoryError | FileExistsError | FileNotFoundError
        if isinstance(error, misplaced) or error.errno in (errno.EROFS, errno.ENAMETOOLONG):
            raise StorytellerError(f"{path} cannot be written ({error.strerror}); {way_out}.") from error
        raise


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` for writing, and give it that name once it is complete and on the disk.

    After an exception the unfinished file is removed; after a kill it is left as `NAME.part`, which the next run
    overwrites. Either way `path` is what it was before.
    """
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:  # Ctrl-C too; the exception goes on
            part.unlink(missing_ok=True)
            raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file, text as UTF-8, complete or not at all; folders that are missing are made."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: Any) -> None:
    """Write plain data as indented JSON, complete or not at all."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, *, way_out: str) -> Any:
    """Plain data from a JSON file.

    Args:
        path: the file.
        way_out: what to do where it is damaged, as the end of the sentence.

    Raises:
        StorytellerError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorytellerError(f"{path} cannot be read as JSON ({error}); {way_out}.") from None


def zipped(files: Mapping[str, bytes], *, executable: Collection[str] = ()) -> bytes:
    """The content of a zip with these files, by name: the same bytes for the same files, whenever it is made."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in sorted(files):
            about = zipfile.ZipInfo(name, LONG_AGO)
            about.compress_type, about.external_attr = (
                zipfile.ZIP_DEFLATED,
                (0o755 if name in executable else 0o644) << 16,
            )
            about.create_system = 3  # Unix, wherever it is made
            archive.writestr(about, files[name], compresslevel=9)
    return content.getvalue()


def force_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, has reached the disk."""
    if path.is_dir() and os.name == "nt":  # Windows has no handle for a folder's names
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
