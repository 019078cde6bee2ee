"""Reads `lesson.md`: a MyST notebook in which a line `exercise: NAME` or `written: NAME` places an exercise.

jupytext reads the notebook; what is added here is where each piece stands in the file, so that errors can say so, and
the two directives.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import ANSWERS, CHECKS
from storyteller_grading.builder.numbers_in_text import faulty_mark


class BuildError(StorytellerError):
    """A lesson's source cannot be built; the message begins with `file:line:`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        above = 3 if path.parent.name in (CHECKS, ANSWERS) else 2  # the lesson's name is always told
        super().__init__(f"{'/'.join(path.parts[-above:])}:{line}: {message}")
        self.path, self.line = path, line


TAGS = ("setup", "try", "predict", "nbval-ignore-output", "raises-exception")
MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "BEGIN MARK SCHEME", "BEGIN AUTOTEST")

_DIRECTIVE = re.compile(r"(exercise|written): ([A-Za-z_]\w*)\s*$")
_NEARLY = re.compile(r"\s*(exercise|written)\s*:\s*(\w*)\s*$", re.IGNORECASE)
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,}|:{3,})\s*(.*)$")


@dataclass(frozen=True)
class Piece:
    """One cell of `lesson.md`, or one directive in it."""

    kind: Literal["text", "code", "exercise", "written"]
    source: str  # the cell's text; for a written answer the model answer with its rubric; empty for an exercise
    line: int  # where it begins in lesson.md, counted from 1
    name: str = ""  # the exercise's or the written answer's
    tags: tuple[str, ...] = ()  # of a code cell


def read_pieces(path: Path) -> list[Piece]:
    """The pieces of a `lesson.md` in order.

    Raises:
        BuildError: a marker of nbgrader in the text, an unknown tag, a directive that is not quite one, a written
            answer without its block, code that is not Python.
    """
    from jupytext.myst import myst_to_notebook

    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if any(marker in line for marker in MARKERS):
            raise BuildError(path, number, "a solution marker outside an exercise; the builder places them all.")
    try:
        notebook = myst_to_notebook(text, add_source_map=True)
    except Exception as error:  # jupytext and YAML raise what they like; the file is at fault
        raise BuildError(path, 1, f"jupytext cannot read this as a MyST notebook: {error}") from error
    pieces: list[Piece] = []
    for cell, start in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        first, at = cell.source.split("\n")[0], min(start + 1, len(lines))
        for number in range(max(start - 1, 0), len(lines)):  # jupytext counts to the fence, a little before the text
            if lines[number] == first and not lines[number].startswith("```{code-cell}"):
                at = number + 1
                break
        if cell.cell_type == "code":
            pieces.append(_code(path, cell.source, at, tuple(cell.metadata.get("tags", ()))))
        elif cell.cell_type == "markdown":
            if fault := faulty_mark(cell.source):
                line = at + cell.source.partition(fault[0])[0].count("\n")
                raise BuildError(path, line, f"{{{{ {fault[0]} }}}} is not what an f-string may have: {fault[1]}.")
            pieces.extend(_split(path, cell.source, at))
        else:
            raise BuildError(path, at, "a raw cell; a lesson has text and code cells only.")
    return pieces


def _code(path: Path, source: str, line: int, tags: tuple[str, ...]) -> Piece:
    from IPython.core.inputtransformer2 import TransformerManager

    for tag in tags:
        if tag not in TAGS:
            raise BuildError(path, line, f"unknown tag {tag!r}; known are {', '.join(TAGS)}.")
    if not source.strip():
        raise BuildError(path, line, "an empty code cell.")
    try:
        compile(TransformerManager().transform_cell(source), str(path), "exec")
    except SyntaxError as error:
        raise BuildError(path, line + (error.lineno or 1) - 1, f"not Python: {error.msg}.") from None
    call = re.search(r"^\s*check\(", source, re.MULTILINE)
    if call:
        at = line + source[: call.end()].count("\n")
        raise BuildError(path, at, "a check without an exercise: the line `exercise: NAME` places the check cell.")
    return Piece("code", source, line, tags=tags)


def _split(path: Path, source: str, start: int) -> Iterator[Piece]:
    """Cut a text cell at its directives."""
    lines = source.split("\n")
    gathered: list[str] = []
    begin, number, fence = 0, 0, ""

    def text() -> Iterator[Piece]:
        blank = next((index for index, line in enumerate(gathered) if line.strip()), None)
        if blank is not None:
            yield Piece("text", "\n".join(gathered).strip("\n"), start + begin + blank)

    while number < len(lines):
        line = lines[number]
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not mark[2]:
            fence = ""
        directive = None if fence else _DIRECTIVE.match(line)
        if directive:
            yield from text()
            gathered, at = [], start + number
            answer, number = "", number + 1
            if directive[1] == "written":
                answer, number = _rubric(path, lines, number, start)
            yield Piece("exercise" if directive[1] == "exercise" else "written", answer, at, name=directive[2])
            begin = number
            continue
        if not fence and (nearly := _NEARLY.match(line)) and nearly[2]:
            raise BuildError(
                path,
                start + number,
                f"write `{nearly[1].lower()}: {nearly[2]}`, from the line's start, for a directive.",
            )
        gathered.append(line)
        number += 1
    yield from text()


def _rubric(path: Path, lines: list[str], number: int, start: int) -> tuple[str, int]:
    """The text of the block ```{rubric} that follows `written: NAME`, and the number of the line after it."""
    at = number
    while number < len(lines) and not lines[number].strip():
        number += 1
    opening = _FENCE.match(lines[number]) if number < len(lines) else None
    if not opening or opening[2] != "{rubric}":
        raise BuildError(path, start + at - 1, "after `written: NAME` comes a block ```{rubric} with the model answer.")
    for end in range(number + 1, len(lines)):
        closing = _FENCE.match(lines[end])
        if closing and closing[1].startswith(opening[1]) and not closing[2]:
            answer = "\n".join(lines[number + 1 : end]).strip("\n")
            if not answer.strip():
                raise BuildError(path, start + number, "the block ```{rubric} is empty.")
            return answer, end + 1
    raise BuildError(path, start + number, "the block ```{rubric} has no end.")


def is_draft(path: Path) -> bool:
    """Does the front matter of a `lesson.md` say `draft: true`? Then the lesson need not be whole yet."""
    return says(path, "draft")


def says(path: Path, key: str) -> bool:
    """Does the front matter of a `lesson.md` have this key, and is it true?"""
    from jupytext.myst import myst_to_notebook

    return bool(myst_to_notebook(path.read_text(encoding="utf-8")).metadata.get(key))
