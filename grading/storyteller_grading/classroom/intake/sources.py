"""What there is to collect: in a folder, in a zip, in nbgrader's exchange. Nothing is written, no link is followed.

    with opened(Path("submissions.zip")) as found:
        for file in found:
            file.path, file.read()

Names and contents come from students. A file that must not be read has its reason in `refused`; what makes the whole
source unusable is an error.
"""

import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import MISTAKES
from storyteller_course.report.safe_repr import clean
from storyteller_grading.judge.submission import MAX_NOTEBOOK_BYTES, Unreadable, content_of, contents

MAX_FILES = 20_000
MAX_UNPACKED_BYTES = 16 << 30  # unpacked, of all notebooks of a zip together
MAX_DEPTH = 8  # folders within folders
MAX_EXPANSION = 200  # times its size, when a file is unpacked; notebooks grow 3 to 50 times
ALWAYS_UNPACKED_BYTES = 4 << 20  # bytes up to which it may grow as it likes
SKIPPED = {".ipynb_checkpoints", "__MACOSX"}


@dataclass(frozen=True)
class SourceFile:
    """A file that somebody handed in, or is said to have."""

    path: str  # relative to the source, `/` between its parts
    read: Callable[[], bytes]  # raises Unreadable
    refused: str = ""  # why it must not be read
    unsafe: str = ""  # what is wrong with its name, by which nobody is looked up then

    @property
    def is_notebook(self) -> bool:
        """Is it called one?"""
        return self.path.lower().endswith(".ipynb")


@contextmanager
def opened(source: Path) -> Iterator[list[SourceFile]]:
    """The files of a folder or a zip.

    Raises:
        StorytellerError: it is neither, damaged, encrypted, or has more in it than a class hands in.
    """
    if source.is_dir():
        with reading(source):
            os.scandir(source).close()
        yield list(files_below(source))
        return
    if not source.is_file():
        raise StorytellerError(f"There is no {source}; name a folder, or the zip that your LMS made.")
    try:
        with reading(source):
            archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise StorytellerError(
            f"{source} is no zip, or a damaged one ({error}): load it down again. Nothing was written."
        ) from None
    with archive:
        yield files_in_zip(source, archive)


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Turn what keeps a source from being read into one sentence."""
    try:
        yield
    except OSError as error:
        raise StorytellerError(
            f"{source} cannot be read ({error.strerror}): see to it that you may. Nothing was written."
        ) from None


def files_below(root: Path, start: tuple[str, ...] = ()) -> Iterator[SourceFile]:
    """The regular files below a folder, or one of its folders, and with their reason those that are something else.

    Raises:
        StorytellerError: there are more than a class hands in.
    """
    todo = [start]
    count = 0
    while todo:
        parts = todo.pop()
        try:
            with os.scandir(root.joinpath(*parts)) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield SourceFile("/".join(parts), _never, f"cannot be looked into ({error.strerror})")
            continue
        for entry in listed:
            count += 1
            if count > MAX_FILES:
                raise StorytellerError(f"{root} has more than {MAX_FILES:,} files; name the folder of one lesson.")
            below = (*parts, entry.name)
            if entry.name in SKIPPED:
                continue
            if entry.is_dir(follow_symlinks=False):
                if len(below) >= MAX_DEPTH:
                    yield SourceFile("/".join(below), _never, "lies too deep in folders")
                else:
                    todo.append(below)
                continue
            refused = ""
            if entry.is_symlink():
                refused = "is a link, which is not followed"
            elif not entry.is_file(follow_symlinks=False):
                refused = "is no regular file"
            elif _is_strange_zip(entry.name):
                refused = "is a zip in what was handed in, which is not opened: unpack it, and collect the folder"
            yield SourceFile("/".join(below), partial(read_below, root, below), refused, _unsafe(entry.name))


def read_below(root: Path, parts: tuple[str, ...], *, largest: int = MAX_NOTEBOOK_BYTES) -> bytes:
    """The bytes of a regular file below a folder; no folder between them may be a link, not even one put there now.

    Whoever hands in owns a folder of the exchange, and could swap it for a link to what only the instructor may read.

    Raises:
        Unreadable: it is no regular file, or too large.
    """
    if os.open not in os.supports_dir_fd:  # Windows, where nbgrader has no exchange
        return contents(root.joinpath(*parts), largest=largest)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=here)
                os.close(here)
                here = inner
            file = os.open(parts[-1], flags, dir_fd=here)
        finally:
            os.close(here)
    except OSError as error:
        raise Unreadable(f"{parts[-1]} cannot be opened: {error.strerror}.") from None
    return content_of(file, parts[-1], largest=largest)


def files_in_zip(source: Path, archive: zipfile.ZipFile) -> list[SourceFile]:
    """The files of a zip, with their reason those that must not be read.

    Raises:
        StorytellerError: it is encrypted, or has more in it than a class hands in.
    """
    # ZipInfo.is_dir fails for one without a name.
    members = [member for member in archive.infolist() if not member.orig_filename.endswith("/")]
    notebooks = [member for member in members if member.orig_filename.lower().endswith(".ipynb")]
    if len(members) > MAX_FILES:
        raise StorytellerError(f"{source} has {len(members):,} files, and at most {MAX_FILES:,} are taken.")
    if any(member.flag_bits & 0x1 for member in members):
        raise StorytellerError(f"{source} is encrypted: unpack it with its password, and collect the folder.")
    total = sum(member.file_size for member in notebooks)
    if total > MAX_UNPACKED_BYTES:
        raise StorytellerError(
            f"{source} would unpack to {total >> 30:,} GB, and at most {MAX_UNPACKED_BYTES >> 30} GB are taken: unpack "
            "it where there is room, and collect the folder in parts."
        )
    times = Counter(member.orig_filename.casefold() for member in members)
    return [
        SourceFile(
            member.orig_filename,
            partial(unpacked, source, archive, member),
            why_refused(member),
            _unsafe_path(member.orig_filename)
            or ("stands in the zip more than once" if times[member.orig_filename.casefold()] > 1 else ""),
        )
        for member in members
        if not SKIPPED & set(member.orig_filename.split("/"))
    ]


def why_refused(member: zipfile.ZipInfo) -> str:
    """Why a file of a zip must not be read; empty where it may be."""
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link, which is not followed" if stat.S_ISLNK(mode) else "is no regular file"
    if _is_strange_zip(member.orig_filename):
        return "is a zip in the zip, which is not opened: unpack it, and collect the folder"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that no LMS uses: unpack it, and collect the folder"
    expansion = member.file_size // max(1, member.compress_size)
    if member.file_size > ALWAYS_UNPACKED_BYTES and member.file_size > MAX_EXPANSION * max(1, member.compress_size):
        return f"would unpack to {expansion:,} times its size"
    if member.file_size > MAX_NOTEBOOK_BYTES:
        return f"has {member.file_size >> 20:,} MB, and at most {MAX_NOTEBOOK_BYTES >> 20} MB are read"
    return ""


def unpacked(source: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in a zip; zipfile gives no more than the zip says that there are."""
    try:
        with archive.open(member) as file:
            return file.read()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise StorytellerError(
            f"{source} is damaged at {clean(member.orig_filename, 200)!r} ({clean(str(error), 200)}): load it down "
            "again. Nothing was written."
        ) from None


def _is_strange_zip(name: str) -> bool:
    """May somebody's work be in it? The zip that a release brings along comes back with many a hand-in."""
    return name.lower().endswith(".zip") and not name.endswith(MISTAKES)


def _unsafe_path(name: str) -> str:
    """What is wrong with a path in a zip, if anything."""
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/") or name[1:2] == ":":
        return "has an absolute path"
    if ".." in name.split("/"):
        return "has a path that leads out of the zip"
    return _unsafe(name)


def _unsafe(name: str) -> str:
    """What is wrong with a name, if anything."""
    return "" if name.isprintable() else "has control characters or broken letters in its name"


def _never() -> bytes:
    raise Unreadable("This is no file.")
