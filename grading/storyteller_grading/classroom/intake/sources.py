"""What there is to collect: in a folder, in a zip, in nbgrader's exchange. Nothing is written, no link is followed.

    with opened(Path("submissions.zip")) as found:
        for file in found:
            file.path, file.read()

Names and contents come from students. A file that must not be read has its reason in `refused`; what makes the whole
source unusable is an error.

nbgrader's own `collect` copies all of a student's folder and follows the links in it, also to what only the instructor
may read. From its exchange notebooks alone are taken here, and the small file by which nbgrader gives feedback back.
"""

import codecs
import contextlib
import os
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import MISTAKES, STAND_INS_FILE
from storyteller_course.report.safe_repr import clean
from storyteller_grading.classroom.autograde.gradebook import nbgrader_config
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake.identify_student import People, exchange_claim
from storyteller_grading.classroom.intake.place import TICKET, TIME
from storyteller_grading.classroom.lms.system import Claim
from storyteller_grading.judge.notebooks import MAX_NOTEBOOK_BYTES, Unreadable, content_of, contents

UTF_8_NAME = 0x800  # the flag of a file in a zip which says that its name is in UTF-8
MAX_FILES = 20_000  # of a folder at the top, which may be one student's or hold the whole class
MAX_INNER_FILES = 1000  # of a folder in it, which is one student's
MAX_UNPACKED_BYTES = 16 << 30  # unpacked, of all notebooks of a zip together
MAX_DEPTH = 8  # folders within folders
MAX_EXPANSION = 200  # times its size, when a file is unpacked; notebooks grow 3 to 50 times
ALWAYS_UNPACKED_BYTES = 4 << 20  # bytes up to which it may grow as it likes
MAX_TICKET_BYTES = 1000
COPIES = ".ipynb_checkpoints"  # what Jupyter keeps of notebooks, often older than they are
SKIPPED = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}  # of programs, not of people
WHITE = b" \t\r\n\0"  # the zeros are those of UTF-16 and UTF-32
MAX_START_BYTES = 1000  # in which it shows whether a file may be JSON


@dataclass(frozen=True)
class SourceFile:
    """A file that somebody handed in, or is said to have."""

    path: str  # relative to the source, `/` between its parts
    read: Callable[..., bytes]  # all, or with `first=` so many; raises Unreadable
    refused: str = ""  # why it must not be read
    unsafe: str = ""  # what is wrong with its name, by which nobody is looked up then

    @property
    def is_notebook(self) -> bool:
        """Is it called one?"""
        return self.path.lower().endswith(".ipynb") and not self.is_copy

    @property
    def is_copy(self) -> bool:
        """Is it a copy that Jupyter made by itself?"""
        return COPIES in self.path.split("/")

    def may_be_json(self) -> bool:
        """Does it begin as a notebook does, whatever it is called?"""
        start = self.read(first=MAX_START_BYTES)
        return start.removeprefix(codecs.BOM_UTF8).lstrip(WHITE + codecs.BOM_UTF16_LE + codecs.BOM_UTF16_BE)[:1] == b"{"


class FileCount:
    """How many files lie below each folder at the top, and below each folder in one.

    One student's files must not keep a class from being collected: a folder takes so many, and the rest is left.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.full: set[tuple[str, ...]] = set()

    def full_with(self, parts: tuple[str, ...]) -> SourceFile | None:
        """Count one more; with a reason where it is the first that its folder has no place for."""
        for folder, most in ((parts[:1], MAX_FILES), (parts[:2], MAX_INNER_FILES)):
            if folder != parts:
                self.counts[folder] += 1
                if self.counts[folder] > most:
                    self.full.add(folder)
                    why = f"comes after {most:,} files in {'/'.join(folder)}; no more are read"
                    return SourceFile("/".join(parts), _never, why)
        return None

    def is_full(self, parts: tuple[str, ...]) -> bool:
        """Does it lie in a folder that is full, or is it one?"""
        return parts[:1] in self.full or parts[:2] in self.full


@contextmanager
def opened(source: Path) -> Iterator[list[SourceFile]]:
    """The files of a folder or a zip.

    Raises:
        StorytellerError: it is neither, damaged, encrypted, or would unpack to more than a class hands in.
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

    Notebooks come first. Where a folder has too many files, the first that is left is given with its reason.
    """
    todo = [start]
    count = FileCount()
    while todo:
        parts = todo.pop()
        if count.is_full(parts):
            continue
        try:
            with os.scandir(root.joinpath(*parts)) as entries:
                listed = sorted(entries, key=lambda entry: (not entry.name.endswith(".ipynb"), entry.name))
        except OSError as error:
            yield SourceFile("/".join(parts), _never, f"cannot be looked into ({error.strerror})")
            continue
        for entry in listed:
            below = (*parts, entry.name)
            if is_skipped(entry.name):
                continue
            if full := count.full_with(below):
                yield full
                break
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


def read_below(
    root: Path, parts: tuple[str, ...], *, largest: int = MAX_NOTEBOOK_BYTES, first: int | None = None
) -> bytes:
    """The bytes of a regular file below a folder; no folder between them may be a link, not even one put there now.

    Whoever hands in owns a folder of the exchange, and could swap it for a link to what only the instructor may read.

    Raises:
        Unreadable: it is no regular file, or too large.
    """
    if os.open not in os.supports_dir_fd:  # Windows, where nbgrader has no exchange
        return contents(root.joinpath(*parts), largest=largest, first=first)
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
    return content_of(file, parts[-1], largest=largest, first=first)


def files_in_zip(source: Path, archive: zipfile.ZipFile) -> list[SourceFile]:
    """The files of a zip, with their reason those that must not be read.

    Raises:
        StorytellerError: it is encrypted, or has more in it than a class hands in.
    """
    # ZipInfo.is_dir fails for one without a name.
    members = dict(zip(archive.infolist(), paths_in_zip(archive.infolist()), strict=True))
    members = {member: path for member, path in members.items() if not path.endswith("/")}
    if any(member.flag_bits & 0x1 for member in members):
        raise StorytellerError(f"{source} is encrypted: unpack it with its password, and collect the folder.")
    total = sum(member.file_size for member, path in members.items() if path.lower().endswith(".ipynb"))
    if total > MAX_UNPACKED_BYTES:
        raise StorytellerError(
            f"{source} would unpack to {total >> 30:,} GB, and at most {MAX_UNPACKED_BYTES >> 30} GB are taken: unpack "
            "it where there is room, and collect the folder in parts."
        )
    times = Counter(path.casefold() for path in members.values())
    files, count = [], FileCount()
    for member, path in sorted(members.items(), key=lambda one: not one[1].endswith(".ipynb")):
        parts = tuple(path.split("/"))
        if any(map(is_skipped, parts)) or count.is_full(parts):
            continue
        if full := count.full_with(parts):
            files.append(full)
            continue
        twice = "stands in the zip more than once" if times[path.casefold()] > 1 else ""
        read = partial(unpacked, source, archive, member)
        files.append(SourceFile(path, read, why_refused(member, path), _unsafe_path(path) or twice))
    return files


def paths_in_zip(members: list[zipfile.ZipInfo]) -> list[str]:
    """What the files of a zip are called, also where the program that made it did not keep to the format.

    macOS writes names in UTF-8 without saying so, and PowerShell 5 puts backslashes between folders.
    """
    paths = []
    for member in members:
        path = member.orig_filename
        if not member.flag_bits & UTF_8_NAME:
            with contextlib.suppress(UnicodeError):  # what is no UTF-8 is in some program's own encoding
                path = path.encode("cp437").decode("utf-8")
        paths.append(path)
    made_on_windows = all(member.create_system == 0 for member in members) or all("\\" in path for path in paths)
    if made_on_windows and not any("/" in path for path in paths):
        return [path.replace("\\", "/") for path in paths]
    return paths


def why_refused(member: zipfile.ZipInfo, path: str) -> str:
    """Why a file of a zip must not be read; empty where it may be."""
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link, which is not followed" if stat.S_ISLNK(mode) else "is no regular file"
    if _is_strange_zip(path):
        return "is a zip in the zip, which is not opened: unpack it, and collect the folder"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that no LMS uses: unpack it, and collect the folder"
    expansion = member.file_size // max(1, member.compress_size)
    if member.file_size > ALWAYS_UNPACKED_BYTES and member.file_size > MAX_EXPANSION * max(1, member.compress_size):
        return f"would unpack to {expansion:,} times its size"
    if member.file_size > MAX_NOTEBOOK_BYTES:
        return f"has {member.file_size >> 20:,} MB, and at most {MAX_NOTEBOOK_BYTES >> 20} MB are read"
    return ""


def unpacked(source: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, first: int | None = None) -> bytes:
    """The bytes of a file in a zip, or its `first`; zipfile gives no more than the zip says that there are."""
    try:
        with archive.open(member) as file:
            return file.read() if first is None else file.read(first)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise StorytellerError(
            f"{source} is damaged at {clean(member.orig_filename, 200)!r} ({clean(str(error), 200)}): load it down "
            "again. Nothing was written."
        ) from None


def _is_strange_zip(name: str) -> bool:
    """May somebody's work be in it? The zips that a release brings along come back with many a hand-in."""
    return name.lower().endswith(".zip") and not name.endswith((MISTAKES, STAND_INS_FILE))


def _unsafe_path(name: str) -> str:
    """What is wrong with a path in a zip, if anything."""
    if "\\" in name:
        return "has a backslash in its name: unpack the zip, and collect the folder"
    if name.startswith("/") or name[1:2] == ":":
        return "has an absolute path"
    if ".." in name.split("/"):
        return "has a path that leads out of the zip"
    return _unsafe(name)


def _unsafe(name: str) -> str:
    """What is wrong with a name, if anything. Spaces of all scripts and joiners between letters are right."""
    broken = any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)
    return "has control characters or broken letters in its name" if broken else ""


def is_skipped(name: str) -> bool:
    """Is a file or folder of this name made by a program, unasked? `._x.ipynb` is macOS's note about x.ipynb."""
    return name in SKIPPED or name.startswith("._")


def _never(*, first: int | None = None) -> bytes:
    raise Unreadable("This is no file.")


@dataclass(frozen=True)
class ExchangeFolder:
    """A folder of the exchange."""

    own: bool  # its owner is the student whom its name tells, or nobody looks at that
    when: datetime  # long ago where its name tells no time
    name: str
    claim: Claim


@dataclass(frozen=True)
class HandIn:
    """A folder that a student's `nbgrader submit` made."""

    name: str
    claim: Claim
    files: tuple[SourceFile, ...]  # their paths begin with the folder's name
    ticket: bytes
    own: bool
    of_others: tuple[str, ...]  # that were passed over: another user owns them, and this one is the student's own


def inbound(course: Course, lesson: str, people: People) -> list[HandIn]:
    """What was handed in for a lesson, of each student the latest.

    Everybody may write into the exchange, also a folder with a classmate's name on it: one that the student owns goes
    before all that others own. Where nobody owns their folders, as with containers, the latest counts.

    Raises:
        StorytellerError: the course's exchange is not there, or has nothing of this lesson.
    """
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange.default import ExchangeCollect

    config = nbgrader_config(course)
    directory = CourseDirectory(config=config, root=str(course.folder))
    settings = ExchangeCollect(coursedir=directory, config=config)
    place = Path(settings.root) / directory.course_id / "inbound"
    if not place.is_dir():
        raise StorytellerError(
            f"There is no exchange at {place}: name what to collect, a folder or your LMS's zip, or set Exchange.root "
            "and CourseDirectory.course_id in nbgrader_config.py."
        )
    try:
        zone = ZoneInfo(settings.timezone)  # of the names' times
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise StorytellerError(
            f"Exchange.timezone in nbgrader_config.py is {settings.timezone!r}, which is no time zone such as UTC or "
            "Europe/Berlin. Nothing was written."
        ) from None
    by_student: dict[str, list[ExchangeFolder]] = defaultdict(list)
    with reading(place), os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            claim = exchange_claim(entry.name, lesson, zone) if entry.is_dir(follow_symlinks=False) else None
            if claim:
                own = not settings.check_owner or owner_of(place / entry.name) in ("", *claim.names)
                student = people.identify(claim)[0] or claim.names[0]
                when = claim.submitted_at or datetime.min.replace(tzinfo=UTC)
                by_student[student].append(ExchangeFolder(own, when, entry.name, claim))
    if not by_student:
        raise StorytellerError(f"The exchange {place} has nothing of {lesson}; name a folder or a zip instead.")
    return [latest_of(place, folders) for folders in by_student.values()]


def latest_of(place: Path, folders: list[ExchangeFolder]) -> HandIn:
    """Of a student's folders the one that counts, with what is taken from it."""
    best = max(folders, key=lambda folder: (folder.own, folder.when, folder.name))
    files = tuple(
        file
        for file in files_below(place, (best.name,))
        if file.path.rpartition("/")[2] not in (TIME, TICKET) and not (file.refused and file.path.count("/") > 1)
    )
    try:
        ticket = read_below(place, (best.name, TICKET), largest=MAX_TICKET_BYTES)
    except Unreadable:
        ticket = b""
    others = tuple(folder.name for folder in folders if best.own and not folder.own)
    return HandIn(best.name, best.claim, files, ticket, best.own, others)


def owner_of(folder: Path) -> str:
    """The name of the user whose folder it is; empty where that cannot be told."""
    try:
        return folder.owner()
    except (KeyError, NotImplementedError, OSError):
        return ""
