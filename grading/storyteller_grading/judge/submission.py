"""Reads a notebook that anybody may have sent: as data, within limits, and only the text of its cells.

Metadata and outputs are ignored: what a student's program wrote there is no matter of ours.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.judge.tolerant_json import TooLarge, load

MAX_NOTEBOOK_BYTES = 128 << 20  # bytes of a notebook; pictures in its outputs are most of it
MAX_TEXT_BYTES = 8 << 20  # bytes without its outputs
MAX_CELLS = 1000
MAX_CELL_CHARS = 100_000  # characters
MAX_CODE_CHARS = 500_000  # characters of all cells together
HAND_IN_AGAIN = "save it in Jupyter and hand it in again."
MAX_ID_CHARS = 64  # characters; notebooks allow no more


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

    def add(self, number: int, raw: Any) -> None:
        """Take one cell over; what is strange about it is noted."""
        if type(raw) is not dict:
            self.repairs.append(f"Cell {number} is no cell; it was left out.")
            return
        source = raw.get("source", raw.get("input", ""))
        if type(source) is list and all(type(line) is str for line in source):
            source = "".join(source)
        if type(source) is not str:
            self.repairs.append(f"Cell {number} has no text; it was left out.")
            return
        if len(source) > MAX_CELL_CHARS:
            self.repairs.append(f"Cell {number} has {len(source):,} characters; it was left out.")
            return
        name = raw.get("id")
        text = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        cell = Cell(number, name if type(name) is str and len(name) <= MAX_ID_CHARS else "", text)
        (self.cells if raw.get("cell_type") == "code" else self.prose).append(cell)

    def drop_repeated_ids(self) -> None:
        """An id that several cells have says nothing about any of them."""
        ids = [cell.id for cell in self.cells if cell.id]
        repeated = {name for name in ids if ids.count(name) > 1}
        for name in sorted(repeated):
            numbers = ", ".join(str(cell.number) for cell in self.cells if cell.id == name)
            self.repairs.append(f"Cells {numbers} have the same id; they were told apart by what they define.")
        self.cells = [Cell(cell.number, "", cell.source) if cell.id in repeated else cell for cell in self.cells]


def read_notebook(path: Path, content: bytes | None = None) -> Notebook:
    """The cells of a notebook's file.

    Args:
        path: the file.
        content: what is in it, where it was read already; the path is then a name only.

    Raises:
        Unreadable: it is no regular file, too large, no JSON, or no notebook.
    """
    try:
        document, repairs = load(contents(path) if content is None else content, largest=MAX_TEXT_BYTES)
    except TooLarge:
        raise Unreadable(
            f"{path.name} has more than {MAX_TEXT_BYTES >> 20} MB besides its outputs, or outputs without end: clear "
            "its outputs, and hand in your answers only."
        ) from None
    except RecursionError:
        raise Unreadable(f"{path.name} is nested too deep to be a notebook.") from None
    except ValueError as error:
        raise Unreadable(f"{path.name} is not a notebook ({str(error)[:200]}); {HAND_IN_AGAIN}") from None
    cells = list_of_cells(document)
    if cells is None:
        raise Unreadable(f"{path.name} is not a notebook (it has no list of cells); {HAND_IN_AGAIN}")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"{path.name} has {len(cells):,} cells, and at most {MAX_CELLS:,} are read.")
    notebook = Notebook([], repairs)
    for number, raw in enumerate(cells, 1):
        notebook.add(number, raw)
    if sum(len(cell.source) for cell in notebook.cells) > MAX_CODE_CHARS:
        raise Unreadable(f"{path.name} has more than {MAX_CODE_CHARS:,} characters of code; hand in your answers only.")
    notebook.drop_repeated_ids()
    return notebook


def contents(path: Path, *, largest: int = MAX_NOTEBOOK_BYTES) -> bytes:
    """The bytes of a regular file of at most so many; a link is not followed, and nothing is waited for.

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
    return content_of(file, path.name, largest=largest)


def content_of(file: int, name: str, *, largest: int = MAX_NOTEBOOK_BYTES) -> bytes:
    """The bytes of an open file, which is closed, if it is a regular one of at most so many bytes.

    Raises:
        Unreadable: it is anything else.
    """
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name} is not a file.")
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
