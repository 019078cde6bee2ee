"""Which cells an exercise needs, so that one answer cannot touch another's points.

An exercise runs with the student's own cells, its answer, the answers that it builds on where they are solved, and
those answers and changed demos that define a helper which one of these uses. Every other exercise's name means the
course's own function.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from storyteller_grading.judge.cell_matching import Matched
from storyteller_grading.judge.submission import Cell


@dataclass(frozen=True)
class Plan:
    """What a worker loads for one exercise."""

    cells: tuple[Cell, ...]  # in the notebook's order
    parts: tuple[str, ...]  # exercises for which the course's own functions stand in


def plan(
    exercise: str,
    *,
    foundations: Sequence[str],
    solved: Collection[str],
    parts: Collection[str],
    matched: Matched,
) -> Plan:
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
    while more := _wanted(needed, set(theirs), matched):
        needed |= more
    return Plan(cells=tuple(needed[number] for number in sorted(needed)), parts=tuple(theirs))


def _wanted(needed: dict[int, Cell], given: set[str], matched: Matched) -> dict[int, Cell]:
    """The other cells that define a name which a needed cell uses and none defines; `given` names are the course's."""
    used = set[str]().union(*(matched.names[number].uses for number in needed))
    defined = set[str]().union(*(matched.names[number].binds for number in needed))
    missing = used - defined - given
    helpers = [*matched.answers.values(), *matched.optional]
    return {
        cell.number: cell
        for cell in helpers
        if cell.number not in needed and missing & matched.names[cell.number].binds
    }
