"""What the course handed out: the cells of the student notebook, each with its part in the lesson."""

import ast
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from storyteller.errors import StorytellerError

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
        return Release(tuple(ReleasedCell.read(raw) for raw in document["cells"] if raw["cell_type"] == "code"))
    except FileNotFoundError:
        raise StorytellerError(f"{path} is missing: build it with `storyteller-grade build`.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StorytellerError(f"{path} is damaged ({type(error).__name__}: {error}); build it anew.") from None


def plain(source: str) -> str:
    """A cell's text without what editors change."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _without_magics(source: str) -> str:
    return "\n".join("pass" if line.startswith(("%", "!")) else line for line in source.split("\n"))
