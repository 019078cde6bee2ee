"""What there is to collect: in a folder, in a zip, in nbgrader's exchange. Nothing is written, no link is followed.

    with opened(Path("submissions.zip")) as found:
        for one in found:
            one.path, one.read()

Names and contents come from students. A file that must not be read has its reason in `refused`; what makes the whole
source unusable is an error.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import MISTAKES
from storyteller_course.report.safe_repr import clean
from storyteller_grading.judge.submission import LARGEST, Unreadable, content_of, contents

MOST_FILES = 20_000
MOST_BYTES = 16 << 30  # unpacked, of all notebooks of a zip together
DEEPEST = 8  # folders within folders
RATIO = 200  # times that a file may grow when it is unpacked; notebooks grow 3 to 50 times
SMALL = 4 << 20  # bytes up to which it may grow as it likes
SKIPPED = {".ipynb_checkpoints", "__MACOSX"}


@dataclass(frozen=True)
class Found:
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
def opened(source: Path) -> Iterator[list[Found]]:
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
        yield _members(source, archive)


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Turn what keeps a source from being read into one sentence."""
    try:
        yield
    except OSError as error:
        raise StorytellerError(
            f"{source} cannot be read ({error.strerror}): see to it that you may. Nothing was written."
        ) from None


def files_below(root: Path, start: tuple[str, ...] = ()) -> Iterator[Found]:
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
                listed = sorted(entries, key=lambda one: one.name)
        except OSError as error:
            yield Found("/".join(parts), _never, f"cannot be looked into ({error.strerror})")
            continue
        for entry in listed:
            count += 1
            if count > MOST_FILES:
                raise StorytellerError(f"{root} has more than {MOST_FILES:,} files; name the folder of one lesson.")
            below = (*parts, entry.name)
            if entry.name in SKIPPED:
                continue
            if entry.is_dir(follow_symlinks=False):
                if len(below) >= DEEPEST:
                    yield Found("/".join(below), _never, "lies too deep in folders")
                else:
                    todo.append(below)
            else:
                yield _file(root, below, entry)


def _file(root: Path, parts: tuple[str, ...], entry: os.DirEntry[str]) -> Found:
    refused = ""
    if entry.is_symlink():
        refused = "is a link, which is not followed"
    elif not entry.is_file(follow_symlinks=False):
        refused = "is no regular file"
    elif _is_strange_zip(entry.name):
        refused = "is a zip in what was handed in, which is not opened: unpack it, and collect the folder"
    return Found("/".join(parts), lambda: read_below(root, parts), refused, _unsafe(entry.name))


def read_below(root: Path, parts: tuple[str, ...], *, largest: int = LARGEST) -> bytes:
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


def _members(source: Path, archive: zipfile.ZipFile) -> list[Found]:
    members = [one for one in archive.infolist() if not one.orig_filename.endswith("/")]  # is_dir fails without a name
    notebooks = [one for one in members if one.orig_filename.lower().endswith(".ipynb")]
    if len(members) > MOST_FILES:
        raise StorytellerError(f"{source} has {len(members):,} files, and at most {MOST_FILES:,} are taken.")
    if any(one.flag_bits & 0x1 for one in members):
        raise StorytellerError(f"{source} is encrypted: unpack it with its password, and collect the folder.")
    total = sum(one.file_size for one in notebooks)
    if total > MOST_BYTES:
        raise StorytellerError(
            f"{source} would unpack to {total >> 30:,} GB, and at most {MOST_BYTES >> 30} GB are taken: unpack it "
            "where there is room, and collect the folder in parts."
        )
    seen: dict[str, int] = {}
    for one in members:
        seen[one.orig_filename.casefold()] = seen.get(one.orig_filename.casefold(), 0) + 1
    found = [_member(source, archive, one, seen[one.orig_filename.casefold()]) for one in members]
    return [one for one in found if not SKIPPED & set(one.path.split("/"))]


def _member(source: Path, archive: zipfile.ZipFile, one: zipfile.ZipInfo, times: int) -> Found:
    refused, mode = "", one.external_attr >> 16
    name = one.orig_filename
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        refused = "is a link, which is not followed" if stat.S_ISLNK(mode) else "is no regular file"
    elif _is_strange_zip(name):
        refused = "is a zip in the zip, which is not opened: unpack it, and collect the folder"
    elif one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refused = "is packed in a way that no LMS uses: unpack it, and collect the folder"
    elif one.file_size > SMALL and one.file_size > RATIO * max(1, one.compress_size):
        refused = f"would unpack to {one.file_size // max(1, one.compress_size):,} times its size"
    elif one.file_size > LARGEST:
        refused = f"has {one.file_size >> 20:,} MB, and at most {LARGEST >> 20} MB are read"
    unsafe = _unsafe_path(name) or ("stands in the zip more than once" if times > 1 else "")
    return Found(name, lambda: _unpacked(source, archive, one), refused, unsafe)


def _unpacked(source: Path, archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    """The bytes of a file in a zip; zipfile gives no more than the zip says that there are."""
    try:
        with archive.open(one) as file:
            return file.read()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise StorytellerError(
            f"{source} is damaged at {clean(one.orig_filename, 200)!r} ({clean(str(error), 200)}): load it down again. "
            "Nothing was written."
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
    if not name.isprintable():
        return "has control characters or broken letters in its name"
    return ""


def _never() -> bytes:
    raise Unreadable("This is no file.")
