"""What an answer's code reaches that holds answers, or that no watch can see through: for its instructor to look at.

A watch inside the process that runs a student's code (`ForbiddenCalls`) cannot hold against who wants to get past it.
So what a graded answer's text names is listed: library modules that hold an answer, the course's own machinery, and
whatever runs text as code, finds a module's function by a computed name, or leaves the watch behind. It is evidence and
no verdict: points do not hang on it, and no student's page shows it.
"""

import ast
from collections.abc import Collection, Mapping, Sequence

from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.judge.cell_matching import CellNames, CellPlan, MatchedCells
from storyteller_grading.judge.cell_names import GETATTR, WATCHED

COURSE = "storyteller_course"
TOOLS = frozenset({"check", "hint", "predict", "progress", "use", "lesson_tools"})  # of it, that notebooks use


def reached(exercise: str, plan: CellPlan, matched: MatchedCells, lesson: Lesson, imports: Sequence[str]) -> list[str]:
    """What the code behind an exercise reaches, in the words of its text: `exec`, `storyteller.moe.router.route_top_k`.

    Args:
        exercise: its name.
        plan: the cells with which it was graded.
        matched: the submission's cells and what is in each.
        lesson: whose answers the library holds.
        imports: the set-up cells' import statements, which name the modules that `getattr` may be asked of.
    """
    if exercise not in matched.answers:
        return []
    cells = {cell.number: matched.names[cell.number] for cell in plan.cells}
    answer = matched.answers[exercise].number
    behind = cells_behind(answer, cells) if answer in cells else set()
    named = {dotted for one in lesson.exercises.values() for dotted in (one.stand_in, one.in_library) if dotted}
    holders = {dotted.rpartition(".")[0] for dotted in named}
    modules = names_of_modules(imports)
    found: set[str] = set()
    for number, names in cells.items():
        for word in names.reaches:
            if word.startswith(GETATTR):
                asked = word.removeprefix(GETATTR)
                if asked in modules or asked in names.binds:
                    found.add(f"getattr of {asked}")
            elif word.partition(".")[0] in WATCHED or (number in behind and holds_an_answer(word, holders)):
                found.add(word)
    return sorted(found)


def cells_behind(answer: int, cells: Mapping[int, CellNames]) -> set[int]:
    """The numbers of the cells that an answer's cell uses a name of, directly or not, and its own."""
    behind = {answer}
    while True:
        used = set[str]().union(*(cells[number].uses for number in behind))
        more = {number for number, names in cells.items() if (used | {"*"}) & names.binds} - behind
        if not more:
            return behind
        behind |= more


def holds_an_answer(dotted: str, holders: Collection[str]) -> bool:
    """Is this a module that holds an answer, something in one, or a package with one in it?

    >>> holders = {"storyteller.moe.router"}
    >>> [holds_an_answer(one, holders) for one in ("storyteller.moe.router.route_top_k", "storyteller.moe", "torch")]
    [True, True, False]
    """
    top, _, rest = dotted.partition(".")
    if top == COURSE:
        return rest.partition(".")[0] not in TOOLS
    return any(f"{dotted}.".startswith(f"{holder}.") or f"{holder}.".startswith(f"{dotted}.") for holder in holders)


def names_of_modules(imports: Sequence[str]) -> set[str]:
    """The names under which import statements make modules known; of `from x import y`, y, be it a module or not.

    >>> sorted(names_of_modules(["import torch", "import torch.nn.functional as F", "from torch import nn"]))
    ['F', 'nn', 'torch']
    """
    nodes = [node for statement in imports for node in ast.walk(ast.parse(statement))]
    aliases = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    return {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
