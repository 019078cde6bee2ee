"""Reads a notebook that anybody may have sent: as data, within limits, and only its code cells.

Metadata and outputs are ignored: what a student's program wrote there is no matter of ours.
"""

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError

LARGEST = 20 << 20  # bytes of a notebook; pictures in its outputs are most of it
MOST_CELLS = 1000
LONGEST_CELL = 100_000  # characters
MOST_CODE = 500_000  # characters of all cells together
AGAIN = "save it in Jupyter and hand it in again."
LONGEST_ID = 64  # characters; notebooks allow no more


class Unreadable(StorytellerError):
    """A submission that is no notebook; the message is for its student."""


@dataclass(frozen=True)
class Cell:
    """A code cell of a notebook."""

    number: int  # among all cells, from 1
    id: str  # empty where it was lost
    source: str


@dataclass
class Notebook:
    """The code cells of a notebook, in order, and what had to be repaired to read them."""

    cells: list[Cell]
    repairs: list[str] = field(default_factory=list)


def read_notebook(path: Path) -> Notebook:
    """The code cells of a notebook's file.

    Raises:
        Unreadable: it is no regular file, too large, no JSON, or no notebook.
    """
    try:
        document = json.loads(_contents(path), parse_constant=lambda name: None)
    except RecursionError:
        raise Unreadable(f"{path.name} is nested too deep to be a notebook.") from None
    except ValueError as error:
        raise Unreadable(f"{path.name} is not a notebook ({str(error)[:200]}); {AGAIN}") from None
    cells = _cells(document)
    if cells is None:
        raise Unreadable(f"{path.name} is not a notebook (it has no list of cells); {AGAIN}")
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"{path.name} has {len(cells):,} cells, and at most {MOST_CELLS:,} are read.")
    notebook = Notebook([])
    for number, raw in enumerate(cells, 1):
        _add(notebook, number, raw)
    if sum(len(cell.source) for cell in notebook.cells) > MOST_CODE:
        raise Unreadable(f"{path.name} has more than {MOST_CODE:,} characters of code; hand in your answers only.")
    _drop_repeated_ids(notebook)
    return notebook


def _contents(path: Path) -> str:
    """The text of a regular file; a link is not followed, and nothing is waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise Unreadable(f"{path.name} is a link; hand in the notebook itself.")
    try:
        file = os.open(path, flags)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be opened: {error.strerror}.") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path.name} is not a file.")
        if status.st_size > LARGEST:
            size, most = status.st_size >> 20, LARGEST >> 20
            raise Unreadable(f"{path.name} has {size:,} MB, and at most {most} MB are read: clear its outputs.")
        with open(file, "rb", closefd=False) as opened:
            content = opened.read(LARGEST + 1)
    finally:
        os.close(file)
    if len(content) > LARGEST:
        raise Unreadable(f"{path.name} grew while it was read.")
    return content.decode("utf-8-sig")


def _cells(document: Any) -> list[Any] | None:
    """The list of cells, also of a notebook in the old format 3."""
    if type(document) is not dict:
        return None
    if type(document.get("worksheets")) is list and document["worksheets"]:
        document = document["worksheets"][0]
    cells = document.get("cells") if type(document) is dict else None
    return cells if type(cells) is list else None


def _add(notebook: Notebook, number: int, raw: Any) -> None:
    """Take one cell over if it is code; what is strange about it is noted."""
    if type(raw) is not dict:
        notebook.repairs.append(f"Cell {number} is no cell; it was left out.")
        return
    if raw.get("cell_type") != "code":
        return
    source = raw.get("source", raw.get("input", ""))
    if type(source) is list and all(type(line) is str for line in source):
        source = "".join(source)
    if type(source) is not str:
        notebook.repairs.append(f"Cell {number} has no text; it was left out.")
        return
    if len(source) > LONGEST_CELL:
        notebook.repairs.append(f"Cell {number} has {len(source):,} characters; it was left out.")
        return
    name = raw.get("id")
    text = source.replace("\r\n", "\n").replace("\0", "")
    notebook.cells.append(Cell(number, name if type(name) is str and len(name) <= LONGEST_ID else "", text))


def _drop_repeated_ids(notebook: Notebook) -> None:
    """An id that several cells have says nothing about any of them."""
    ids = [cell.id for cell in notebook.cells if cell.id]
    repeated = {name for name in ids if ids.count(name) > 1}
    for name in sorted(repeated):
        numbers = ", ".join(str(cell.number) for cell in notebook.cells if cell.id == name)
        notebook.repairs.append(f"Cells {numbers} have the same id; they were told apart by what they define.")
    notebook.cells = [Cell(cell.number, "", cell.source) if cell.id in repeated else cell for cell in notebook.cells]
