"""Which cells of a submission answer what, and which an exercise needs.

Editors lose ids (Colab, VS Code), students copy, split, merge, move and delete cells. So a cell is known by its id
where it still has one, by its text where it is a copy of one of ours, and by the names that it defines. Cells of ours
that students may not change, set-up and checks, are always the course's own. Where a student has changed one, what it
defines counts as far as no other cell defines it: an answer may have been typed into the wrong cell.

An exercise runs with the student's own cells, its answer, the answers that it builds on where they are solved, and
those answers and changed demos that define a helper which one of these uses. Every other exercise's name means the
course's own function. So one answer cannot touch another's points.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storyteller_course.runner.student_errors import STUB
from storyteller_grading.judge.cell_names import DEFINES
from storyteller_grading.judge.notebooks import Cell, Notebook, Release, numbered, plain

MIN_SIMILARITY = 0.7  # share of lines that an edited cell of ours still has


@dataclass(frozen=True)
class CellNames:
    """What `cell_names` found in a cell."""

    binds: frozenset[str]
    uses: frozenset[str]
    error: str
    line: int
    reaches: frozenset[str] = frozenset()  # what it imports, and names that are looked at: see `reached`

    @classmethod
    def none(cls) -> "CellNames":
        """Of a cell in which nothing is looked for."""
        return cls(frozenset(), frozenset(), "", 0)

    @classmethod
    def read(cls, found: Any) -> "CellNames":
        """From what a worker sent; of a form that it should not have, nothing is taken."""
        if type(found) is not dict:
            return cls.none()
        error, line = found.get("error"), found.get("line")
        return cls(
            binds=_texts(found.get("binds")),
            uses=_texts(found.get("uses")),
            error=error if type(error) is str else "",
            line=line if type(line) is int else 0,
            reaches=_texts(found.get("reaches")),
        )


def _texts(names: Any) -> frozenset[str]:
    return frozenset(name for name in names if type(name) is str) if type(names) is list else frozenset()


@dataclass
class MatchedCells:
    """The cells of a submission, sorted."""

    answers: dict[str, Cell] = field(default_factory=dict)  # by exercise
    added: list[Cell] = field(default_factory=list)  # cells of the student's own
    optional: list[Cell] = field(default_factory=list)  # changed demos, run only for names that nothing else defines
    locked: list[Cell] = field(default_factory=list)  # changed cells of ours that nobody is to change; run as those are
    not_python: set[int] = field(default_factory=set)  # numbers of cells with a syntax error, which the notes tell
    names: dict[int, CellNames] = field(default_factory=dict)  # by the cell's number
    notes: list[str] = field(default_factory=list)


def unchanged(cell: Cell, release: Release) -> bool:
    """Is this cell empty, or one of ours that nobody is asked to fill? Then it says nothing of its student."""
    return not cell.source.strip() or plain(cell.source) in release.texts


def with_retyped(notebook: Notebook, release: Release, exercises: Sequence[str]) -> list[Cell]:
    """The code cells, and those answers among them that a slip of a key has marked as text; these are noted."""
    defined = {name for cell in notebook.cells for name in DEFINES.findall(cell.source)}
    wanted = set(exercises) - defined
    cells = list(notebook.cells)
    for cell in notebook.prose:
        if "```" in cell.source or unchanged(cell, release):
            continue
        if _answers(cell, release) or wanted & set(DEFINES.findall(cell.source)):
            notebook.repairs.append(f"Cell {cell.number} is marked as text and was read as code, for it is an answer.")
            cells.append(cell)
    return sorted(cells, key=lambda cell: cell.number)


def match(
    cells: Sequence[Cell], names: Sequence[CellNames], release: Release, exercises: Sequence[str]
) -> MatchedCells:
    """Sort the cells of a submission.

    Args:
        cells: its code cells.
        names: what each binds and uses; nothing need be known of those that are `unchanged`.
        release: the notebook as it was handed out.
        exercises: the names that students define.
    """
    matched = MatchedCells(names={cell.number: found for cell, found in zip(cells, names, strict=True)})
    candidates: dict[str, list[Cell]] = {name: [] for name in exercises}
    checks: dict[str, int] = {}
    for cell in cells:
        known = release.by_id.get(cell.id)
        for name in exercises:
            if (known and known.role == "check" and known.exercise == name) or f'check("{name}")' in cell.source:
                checks.setdefault(name, cell.number)
        if known and known.role in ("setup", "check"):
            if plain(known.source) != plain(cell.source):
                matched.locked.append(cell)
        elif not unchanged(cell, release):
            by_id, binds = _answers(cell, release), matched.names[cell.number].binds
            defined = [name for name in candidates if name in binds]
            for name in defined:
                candidates[name].append(cell)
            if by_id and by_id not in defined:  # a helper, while the answer moved elsewhere; or it failed early
                matched.optional.append(cell)
            elif not defined:
                (matched.optional if is_changed_demo(cell, release) else matched.added).append(cell)
    for name in exercises:
        choose_answer(name, candidates[name], checks.get(name), matched, release)
    for cell in matched.locked:
        taken = [name for name, answer in matched.answers.items() if answer is cell]
        yours = "what you have changed in it counts only where your other cells use a name that none of them defines"
        if taken:
            yours = f"it also defines {', '.join(taken)}, which no other cell answers, so it was graded for that"
        matched.notes.append(f"Cell {cell.number} is one of the course's, whose own form was used; {yours}.")
    for cell in cells:
        found = matched.names[cell.number]
        if found.error and cell in [*matched.answers.values(), *matched.added]:
            matched.not_python.add(cell.number)
            place = f", line {found.line}" if found.line else ""
            matched.notes.append(f"Cell {cell.number}{place} is not Python ({found.error}); the others were run.")
    return matched


def choose_answer(
    name: str, candidates: list[Cell], check: int | None, matched: MatchedCells, release: Release
) -> None:
    """Of several cells that define an exercise, the one that its check would have seen in a run from top to bottom.

    Where none defines it, it is the cell that has its id: what happens there is what its student has to hear of.
    """
    stubs = {plain(cell.source) for cell in release.cells if cell.role == "answer"}
    written = [cell for cell in candidates if plain(cell.source) not in stubs]
    if all(re.search(f'"{name}{STUB.pattern}', cell.source) for cell in written):
        in_locked = [cell for cell in matched.locked if name in DEFINES.findall(cell.source)]
        written = in_locked or written
    by_id = [cell for cell in matched.optional if _answers(cell, release) == name]
    written = written or candidates or by_id
    if not written:
        matched.notes.append(f"No cell defines {name}.")
        return
    before = [cell for cell in written if check is None or cell.number < check] or written
    chosen = matched.answers[name] = before[-1]
    if len(written) > 1:
        matched.notes.append(f"{numbered(written)} define {name}; cell {chosen.number} was graded.")
    if name not in matched.names[chosen.number].binds:
        matched.notes.append(f"Cell {chosen.number} does not define {name}.")
    elif _answers(chosen, release) != name and chosen not in matched.locked:
        what = "has lost its id" if not chosen.id else f"is not the one that was handed out for {name}"
        matched.notes.append(f"Cell {chosen.number} {what}; it was taken for {name}, which it defines.")


def _answers(cell: Cell, release: Release) -> str:
    """The exercise that a cell answers by its id; empty where it has none."""
    known = release.by_id.get(cell.id)
    return known.exercise if known and known.role == "answer" else ""


def is_changed_demo(cell: Cell, release: Release) -> bool:
    """Is this one of our demos, changed?"""
    known = release.by_id.get(cell.id)
    if known is not None:
        return known.role == "demo"
    lines = set(plain(cell.source).split("\n"))
    for other in release.cells:
        theirs = set(plain(other.source).split("\n"))
        if (
            other.role == "demo"
            and len(theirs) > 2
            and len(lines & theirs) >= MIN_SIMILARITY * max(len(lines), len(theirs))
        ):
            return True
    return False


@dataclass(frozen=True)
class CellPlan:
    """What a worker loads for one exercise."""

    cells: tuple[Cell, ...]  # in the notebook's order
    parts: tuple[str, ...]  # exercises for which the course's own functions stand in


def plan_cells(
    exercise: str,
    *,
    foundations: Sequence[str],
    solved: Collection[str],
    parts: Collection[str],
    matched: MatchedCells,
) -> CellPlan:
    """The cells for an exercise.

    Args:
        exercise: its name.
        foundations: the exercises that it builds on.
        solved: those that are solved.
        parts: the exercises for which the course has a function of its own.
        matched: the submission's cells.
    """
    own = {exercise, *(name for name in foundations if name in solved or name not in parts)}
    theirs = [name for name in parts if name not in own]
    needed = {cell.number: cell for cell in matched.added}
    needed |= {cell.number: cell for name, cell in matched.answers.items() if name in own}
    helpers = [*matched.answers.values(), *matched.optional, *matched.locked]
    while True:  # the other cells that define a name which a needed cell uses and none defines
        used = set[str]().union(*(matched.names[number].uses for number in needed))
        defined = set[str]().union(*(matched.names[number].binds for number in needed))
        missing = used - defined - set(theirs)
        more = [cell for cell in helpers if cell.number not in needed and missing & matched.names[cell.number].binds]
        if not more:
            break
        needed |= {cell.number: cell for cell in more}
    return CellPlan(cells=tuple(needed[number] for number in sorted(needed)), parts=tuple(theirs))


def written_answers(notebook: Notebook, release: Path) -> dict[str, str]:
    """What a student wrote, by the answer's name; "" where nothing was, or what had been there still is.

    Args:
        notebook: the submission.
        release: the notebook that was handed out.
    """
    cells = [raw for raw in json.loads(release.read_text(encoding="utf-8"))["cells"] if raw["cell_type"] == "markdown"]
    ours = {plain("".join(raw["source"])) for raw in cells}
    heads = {raw.get("id"): plain("".join(raw["source"])) for raw in cells}
    names = [raw["id"] for raw in cells if raw["metadata"].get("storyteller", {}).get("role") == "written"]
    return {name: find_written(notebook, name, heads.get(f"{name}-head", ""), ours) for name in names}


def find_written(notebook: Notebook, name: str, head: str, ours: set[str]) -> str:
    """One answer. A cell that was turned into code by a slip of a key counts too."""
    cells = sorted([*notebook.prose, *notebook.cells], key=lambda cell: cell.number)
    places = [index for index, cell in enumerate(cells) if cell.id == name]
    if len(places) != 1 and head:
        places = [index + 1 for index, cell in enumerate(cells[:-1]) if plain(cell.source) == head]
    for index in places:
        text = plain(cells[index].source)
        if text and text not in ours:
            return text
        below = plain(cells[index + 1].source) if index + 1 < len(cells) else ""
        if below and below not in ours and cells[index + 1] in notebook.prose:
            return below  # in a cell of the student's own
    return ""
