"""The two notebooks that the judge reads: the one that a student handed in, and the one that the course handed out.

A submission may come from anybody: it is read as data, within limits, and only the text of its cells. Metadata and
outputs are ignored: what a student's program wrote there is no matter of ours. The release is the course's own and is
trusted; each of its cells has its part in the lesson.
"""

import ast
import json
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from storyteller.errors import StorytellerError
from storyteller_grading.judge.tolerant_json import TooLarge, load

MAX_NOTEBOOK_BYTES = 128 << 20  # bytes of a notebook; pictures in its outputs are most of it
MAX_TEXT_BYTES = 8 << 20  # bytes without its outputs
MAX_CELLS = 1000  # with text in them
MAX_CELL_CHARS = 100_000  # characters
MAX_CODE_CHARS = 500_000  # characters of all cells together
HAND_IN_AGAIN = "save it in Jupyter and hand it in again."
MAX_NUMBERS = 5  # of cells that a note names
MAX_ID_CHARS = 64  # characters; notebooks allow no more


MAX_BEGIN_BYTES = 1000  # in which a file says what it is
KINDS = {  # how files begin that are handed in by mistake
    b"<!doctype html": "a web page, such as one that asks to log in",
    b"<html": "a web page, such as one that asks to log in",
    b"<?xml": "a file of XML",
    b"<svg": "a picture",
    b"pk\x03\x04": "a zip file or a document of Office",
    b"%pdf": "a PDF file",
    b"\x89png": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a packed file",
    b"rar!": "a packed file",
    b"7z\xbc\xaf": "a packed file",
    b"version https://git-lfs": "what Git LFS leaves in the place of a file",
    b"import ": "a program of Python",
    b"from ": "a program of Python",
    b"#": "a program or a text in Markdown",
}


class Unreadable(StorytellerError):
    """A submission that is no notebook; the message is for its student."""


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook."""

    number: int  # among all cells, from 1
    id: str  # empty where it was lost
    source: str


@dataclass
class Notebook:
    """The cells of a notebook, in order, and what had to be repaired to read them."""

    cells: list[Cell]  # those with code
    repairs: list[str] = field(default_factory=list)
    prose: list[Cell] = field(default_factory=list)  # all others, with text in Markdown or as it is
    lesson: str = ""  # whose notebook it was when it was handed out, as its metadata says; empty where they do not

    def add(self, number: int, raw: Any) -> None:
        """Take one cell over; what is strange about it is noted."""
        if type(raw) is not dict:
            self.repairs.append(f"Cell {number} is no cell; it was left out.")
            return
        source = raw.get("source", raw.get("input", ""))
        if type(source) is int and source > MAX_CELL_CHARS:  # what `tolerant_json` leaves of a text that is too long
            self.repairs.append(too_long(number, source))
            return
        if type(source) is list and all(type(line) is str for line in source):
            source = "".join(source)
        if type(source) is not str:
            self.repairs.append(f"Cell {number} has no text; it was left out.")
            return
        if len(source) > MAX_CELL_CHARS:
            self.repairs.append(too_long(number, len(source)))
            return
        name = raw.get("id")
        text = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        cell = Cell(number, name if type(name) is str and len(name) <= MAX_ID_CHARS else "", text)
        (self.cells if raw.get("cell_type") == "code" else self.prose).append(cell)

    def drop_repeated_ids(self) -> None:
        """An id that several cells have says nothing about any of them."""
        ids = [cell.id for cell in self.cells if cell.id]
        repeated = {name for name, count in Counter(ids).items() if count > 1}
        for name in sorted(repeated):
            same = numbered([cell for cell in self.cells if cell.id == name])
            self.repairs.append(f"{same} have the same id; they were told apart by what they define.")
        self.cells = [Cell(cell.number, "", cell.source) if cell.id in repeated else cell for cell in self.cells]

    def drop_longest(self) -> None:
        """Leave out the longest cells of code until the rest is no longer than is read."""
        total = sum(len(cell.source) for cell in self.cells)
        for cell in sorted(self.cells, key=lambda cell: len(cell.source), reverse=True):
            if total <= MAX_CODE_CHARS:
                break
            total -= len(cell.source)
            self.cells.remove(cell)
            self.repairs.append(
                f"Cell {cell.number} has {len(cell.source):,} characters, and all code together more than "
                f"{MAX_CODE_CHARS:,}; it was left out."
            )


def too_long(number: int, characters: int) -> str:
    """What to say of a cell that is left out for its length."""
    return f"Cell {number} has {characters:,} characters, and at most {MAX_CELL_CHARS:,} are read; it was left out."


def numbered(cells: Sequence[Cell]) -> str:
    """Cells by their numbers, in a few words.

    >>> numbered([Cell(number, "", "") for number in range(1, 400)])
    'Cells 1, 2, 3, 4, 5 and 394 others'
    """
    numbers = ", ".join(str(cell.number) for cell in cells[:MAX_NUMBERS])
    rest = len(cells) - MAX_NUMBERS
    return f"Cells {numbers}" + (f" and {rest} other{'s' * (rest > 1)}" if rest > 0 else "")


def read_notebook(path: Path, content: bytes | None = None) -> Notebook:
    """The cells of a notebook's file.

    Args:
        path: the file.
        content: what is in it, where it was read already; the path is then a name only.

    Raises:
        Unreadable: it is no regular file, too large, no JSON, or no notebook.
    """
    given = contents(path) if content is None else content
    try:
        document, repairs = load(given, largest=MAX_TEXT_BYTES, longest=MAX_CELL_CHARS)
    except TooLarge:
        raise Unreadable(
            f"{path.name} has more than {MAX_TEXT_BYTES >> 20} MB besides its outputs, or outputs without end: clear "
            "its outputs, and hand in your answers only."
        ) from None
    except RecursionError:
        raise Unreadable(f"{path.name} is nested too deep to be a notebook.") from None
    except ValueError as error:
        raise Unreadable(f"{path.name} is not a notebook: {what_it_is(given, error)}; {HAND_IN_AGAIN}") from None
    cells = list_of_cells(document)
    if cells is None:
        raise Unreadable(f"{path.name} is not a notebook: it has no list of cells; {HAND_IN_AGAIN}")
    notebook = Notebook([], repairs, lesson=lesson_named(document))
    for number, raw in enumerate(cells, 1):
        notebook.add(number, raw)
    with_text = sum(bool(cell.source.strip()) for cell in (*notebook.cells, *notebook.prose))
    if with_text > MAX_CELLS:
        raise Unreadable(f"{path.name} has {with_text:,} cells with text, and at most {MAX_CELLS:,} are read.")
    notebook.drop_longest()
    notebook.drop_repeated_ids()
    return notebook


def what_it_is(content: bytes, error: ValueError) -> str:
    """What a file that holds no JSON seems to be, in a few words.

    >>> what_it_is(b"<!DOCTYPE html>", ValueError())
    'it is a web page, such as one that asks to log in'
    """
    begin = content[:MAX_BEGIN_BYTES].removeprefix(b"\xef\xbb\xbf").strip(b"\0 \t\r\n").lower()
    if not content.strip(b"\0 \t\r\n"):
        return "it is empty"
    for start, kind in KINDS.items():
        if begin.startswith(start):
            return f"it is {kind}"
    if begin.startswith(b"{"):
        return f"it is damaged before its first cell ends ({str(error)[:200]})"
    return "it is some other file"


def contents(path: Path, *, largest: int = MAX_NOTEBOOK_BYTES, first: int | None = None) -> bytes:
    """The bytes of a regular file of at most so many; a link is not followed, and nothing is waited for.

    Args:
        path: the file.
        largest: bytes that it may have.
        first: read no more than so many, however large it is.

    Raises:
        Unreadable: it is anything else.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise Unreadable(f"{path.name} is a link; hand in the notebook itself.")
    try:
        file = os.open(path, flags)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be opened: {error.strerror}.") from None
    return content_of(file, path.name, largest=largest, first=first)


def content_of(file: int, name: str, *, largest: int = MAX_NOTEBOOK_BYTES, first: int | None = None) -> bytes:
    """The bytes of an open file, which is closed, if it is a regular one of at most so many bytes; or its `first`.

    Raises:
        Unreadable: it is anything else.
    """
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name} is not a file.")
        if first is not None:
            return os.read(file, first)
        if status.st_size > largest:
            size, most = status.st_size >> 20, largest >> 20
            raise Unreadable(f"{name} has {size:,} MB, and at most {most} MB are read: clear its outputs.")
        with open(file, "rb", closefd=False) as opened:
            content = opened.read(largest + 1)
    finally:
        os.close(file)
    if len(content) > largest:
        raise Unreadable(f"{name} grew while it was read.")
    return content


def list_of_cells(document: Any) -> list[Any] | None:
    """The list of cells, also of a notebook in the old format 3."""
    if type(document) is not dict:
        return None
    sheets = document.get("worksheets")
    lists = [sheet.get("cells") for sheet in sheets if type(sheet) is dict] if type(sheets) is list else []
    lists = lists or [document.get("cells")]
    whole = [cells for cells in lists if type(cells) is list]
    return [cell for cells in whole for cell in cells] if len(whole) == len(lists) else None


def lesson_named(document: dict[str, Any]) -> str:
    """The lesson that a notebook's metadata names; empty where they name none."""
    metadata = document.get("metadata")
    ours = metadata.get("storyteller") if type(metadata) is dict else None
    name = ours.get("lesson") if type(ours) is dict else None
    return name if type(name) is str else ""


Role = Literal["setup", "answer", "check", "demo"]  # demo: all other code, the cells for trying things out included

ROLES: dict[str, Role] = {"setup": "setup", "answer": "answer", "check": "check"}


@dataclass(frozen=True)
class ReleasedCell:
    """A code cell of the notebook that was handed out."""

    id: str
    role: Role
    exercise: str  # of an answer or a check
    source: str

    @classmethod
    def read(cls, raw: dict[str, Any]) -> "ReleasedCell":
        """A cell of the notebook's JSON."""
        metadata = raw.get("metadata", {})
        ours = metadata.get("storyteller", {})
        role = ROLES.get(ours.get("role", ""), "setup" if "setup" in metadata.get("tags", ()) else "demo")
        return cls(raw.get("id", ""), role, ours.get("exercise", ""), "".join(raw["source"]))


@dataclass(frozen=True)
class Release:
    """The code cells of the notebook that was handed out, in order."""

    cells: tuple[ReleasedCell, ...]
    lesson: str = ""  # its name

    @cached_property
    def by_id(self) -> dict[str, ReleasedCell]:
        """The cells by their id."""
        return {cell.id: cell for cell in self.cells}

    @cached_property
    def texts(self) -> frozenset[str]:
        """The texts of the cells that nobody is asked to fill."""
        return frozenset(plain(cell.source) for cell in self.cells if cell.role != "answer")

    @property
    def setup(self) -> list[str]:
        """The sources of the set-up cells."""
        return [cell.source for cell in self.cells if cell.role == "setup"]

    @cached_property
    def imports(self) -> list[str]:
        """The imports of the set-up cells, which the server may do once for all workers."""
        return [one for source in self.setup for one in statements(_without_magics(source))]


def statements(source: str) -> list[str]:
    """The import statements of a text, a line each."""
    nodes = ast.walk(ast.parse(source))
    return [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def read_release(path: Path) -> Release:
    """The release's cells. This file is the course's own and is trusted.

    Raises:
        StorytellerError: it is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        cells = tuple(ReleasedCell.read(raw) for raw in document["cells"] if raw["cell_type"] == "code")
        return Release(cells, lesson_named(document))
    except FileNotFoundError:
        raise StorytellerError(f"{path} is missing: build it with `storyteller-grade build`.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StorytellerError(f"{path} is damaged ({type(error).__name__}: {error}); build it anew.") from None


def plain(source: str) -> str:
    """A cell's text without what editors change."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _without_magics(source: str) -> str:
    return "\n".join("pass" if line.startswith(("%", "!")) else line for line in source.split("\n"))
