"""The cells that the builder makes: each a plain nbformat cell with the metadata that nbgrader wants.

A cell that belongs to an exercise has the exercise's name as its id, any other a hash of its text: an edit elsewhere
changes neither.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from storyteller_course import Exercise
from storyteller_course.exercises.recall import in_markdown
from storyteller_course.notebook.source_digest import CHECK_CELL_SUFFIX
from storyteller_grading.builder import first_cell
from storyteller_grading.builder.repository import links_in_words

WRITTEN_POINTS = 10
FORMATTER_MARK = re.compile(r"[ \t]*# fmt: (skip|off|on)[ \t]*$", re.MULTILINE)
BEGIN = "begin"  # the id of the first code cell, which brings the course
METADATA = {
    "kernelspec": {"display_name": "Storyteller", "language": "python", "name": "storyteller"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


@dataclass
class Draft:
    """A notebook in the making, and where each of its cells comes from."""

    lesson: str
    cells: list[NotebookNode] = field(default_factory=list)
    places: dict[str, tuple[Path, int]] = field(default_factory=dict)  # cell id -> file and line

    def add(self, cell: NotebookNode, path: Path, line: int) -> None:
        """Append a cell that was made from this line."""
        self.cells.append(cell)
        self.places[cell.id] = (path, line)

    def unused(self, wanted: str) -> str:
        """This id, or with a number behind it when a cell has it."""
        number, name = 1, wanted
        while name in self.places:
            number += 1
            name = f"{wanted}-{number}"
        return name

    def notebook(self) -> NotebookNode:
        """The notebook as it is so far."""
        notebook: NotebookNode = new_notebook(
            cells=self.cells, metadata={**METADATA, "storyteller": {"lesson": self.lesson}}
        )
        notebook.nbformat_minor = 5
        return notebook


def begin_cells(lesson: str, address: str) -> list[NotebookNode]:
    """Links that open the notebook elsewhere, where the repository has an address, and the cell that brings the course.

    JupyterLab and Colab show the cell folded: it is of use elsewhere than in `storyteller lab`.
    """
    words = links_in_words(address, lesson)
    cells = [_text(words, id="anywhere", metadata={})] if words else []
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    return [*cells, _code(first_cell.source(lesson, address), id=BEGIN, metadata=folded | _role("begin"))]


def text_cell(source: str, draft: Draft) -> NotebookNode:
    """Prose of the lesson."""
    return _text(source, id=draft.unused("text-" + _hash(source)), metadata={})


def demo_cell(source: str, tags: tuple[str, ...], draft: Draft) -> NotebookNode:
    """Code of the lesson; set-up cells are locked, because every answer is run after them."""
    metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
    name = draft.unused("code-" + _hash(source))
    if "setup" in tags:
        name = draft.unused("setup")
        metadata |= _role("setup") | _nbgrader(name, locked=True)
    return _code(_without_marks(source), id=name, metadata=metadata)


def _without_marks(source: str) -> str:
    """A cell as a student reads it: without the words that keep our formatter away from a line."""
    return FORMATTER_MARK.sub("", source)


def try_cell(source: str, tags: tuple[str, ...], exercise: str, draft: Draft) -> NotebookNode:
    """Code that tries the student's answer out, between the answer and its check; it raises while there is none."""
    metadata = _role("try", exercise) | {"tags": [*(tag for tag in tags if tag != "try"), "raises-exception"]}
    return _code(_without_marks(source), id=draft.unused(exercise + "-try"), metadata=metadata)


def head_cell(exercise: Exercise) -> NotebookNode:
    """What the student reads above an exercise: name, stars, points, what it builds on, where the library has it."""
    if exercise.questions:
        return _text(_recall_head(exercise), id=exercise.name + "-head", metadata=_head_metadata(exercise))
    worth = f"+{exercise.points} bonus" if exercise.bonus else f"{exercise.points} points"
    stars = "★" * exercise.stars + "☆" * (3 - exercise.stars)
    kind = "Find the bug" if exercise.bug_hunt else "Exercise"
    lines = [f"#### {kind}: `{exercise.name}` · {stars} · {worth}", ""]
    if exercise.bug_hunt:
        lines += ["The code below runs. Mend it without breaking what works.", ""]
    if exercise.builds_on:
        names = ", ".join(f"`{name}`" for name in exercise.builds_on)
        lines += [f"It builds on {names}; where yours is not solved yet, the course's stands in.", ""]
    place = exercise.in_library or exercise.stand_in
    lines += [f"In the library: `{place}`." if place else "The library has no function of its own for this.", ""]
    if exercise.scaffold != "steps":
        lines += [
            f'Stuck? `hint("{exercise.name}")` gives the steps, and then {len(exercise.hints)} more hints.',
            "",
        ]
    elif exercise.hints:
        lines += [f'Stuck? `hint("{exercise.name}")` gives the next of {len(exercise.hints)} hints.', ""]
    return _text("\n".join(lines[:-1]), id=exercise.name + "-head", metadata=_head_metadata(exercise))


def _recall_head(exercise: Exercise) -> str:
    """What the student reads above a recall: the questions."""
    points = len(exercise.questions)
    return "\n\n".join(
        [
            f"#### Recall: {points} questions about {exercise.about} · {points} points",
            "Answer from memory, in the cell below, with a letter or a number. The check may be run as often as you "
            "like, and says of a wrong answer what is wrong with it.",
            in_markdown(exercise.questions),
        ]
    )


def _head_metadata(exercise: Exercise) -> dict[str, Any]:
    return _role("head", exercise.name) | _nbgrader(exercise.name + "-head", locked=True)


def answer_cell(exercise: Exercise, marked: str, given: list[str] | None) -> NotebookNode:
    """The answer, marked as a solution; `given` is what the student of a bug hunt or a recall gets for each region."""
    metadata = _role("answer", exercise.name) | _nbgrader(exercise.name, solution=True)
    if given is not None:
        metadata["storyteller"]["given"] = list(map(_without_marks, given))
    elif exercise.scaffold != "steps":
        metadata["storyteller"]["scaffold"] = exercise.scaffold
    return _code(_without_marks(marked), id=exercise.name, metadata=metadata)


def check_cell(exercise: Exercise) -> NotebookNode:
    """The locked cell that checks the answer above; 'Run all' goes on when it raises."""
    name = exercise.name + CHECK_CELL_SUFFIX
    points = 0 if exercise.bonus else exercise.points
    metadata = _role("check", exercise.name) | _nbgrader(name, grade=True, locked=True, points=points)
    metadata["tags"] = ["raises-exception"]
    return _code(f'check("{exercise.name}")', id=name, metadata=metadata)


def written_cells(name: str, answer: str) -> list[NotebookNode]:
    """The head of a written answer, and its cell with the model answer and the rubric, which release takes away."""
    head = f"#### Written answer: `{name}` · {WRITTEN_POINTS} points, graded by hand"
    metadata = _role("written", name) | _nbgrader(name, grade=True, solution=True, points=WRITTEN_POINTS)
    return [
        _text(head, id=name + "-head", metadata=_role("head", name) | _nbgrader(name + "-head", locked=True)),
        _text(answer, id=name, metadata=metadata),
    ]


def _text(source: str, *, id: str, metadata: dict[str, Any]) -> NotebookNode:
    cell: NotebookNode = new_markdown_cell(source, id=id, metadata=metadata)
    return cell


def _code(source: str, *, id: str, metadata: dict[str, Any]) -> NotebookNode:
    cell: NotebookNode = new_code_cell(source, id=id, metadata=metadata)
    return cell


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:8]


def _role(role: str, exercise: str = "") -> dict[str, Any]:
    return {"storyteller": {"role": role, **({"exercise": exercise} if exercise else {})}}


def _nbgrader(
    name: str, *, grade: bool = False, solution: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "schema_version": 3,
        "grade": grade,
        "grade_id": name,
        "locked": locked,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        about["points"] = points
    return {"nbgrader": about}
