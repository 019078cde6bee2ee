"""A small lesson, its student notebook, and submissions to it, for the tests of the judge."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lesson_files import write_checks
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.judge.judge import SubmissionResult, judge_notebook

CHECKS = """
import torch

from storyteller_course import Exercise, close, equal, raises, true, unchanged

scale = Exercise("scale", points=20, hints=("a", "b", "c"), limit=20.0)


@scale.case("multiplies every number", points=15)
def numbers(student, draw):
    x = draw.tensor(3, 4)
    close(student.scale(x, 2.5), x * 2.5, "the result")


@scale.case("leaves its argument as it was", points=5)
def argument(student, draw):
    x = draw.tensor(3)
    close(student.scale(x, 3.0), x * 3.0, "the result")
    unchanged(student)


total = Exercise("total", points=20, builds_on=("scale",), hints=("a", "b", "c"), limit=20.0)


@total.case("adds up what was scaled", points=20)
def adds(student, draw):
    x = draw.tensor(5)
    close(student.total(x, 2.0), (x * 2.0).sum(), "the total")


words = Exercise("words", points=30, forbidden=("collections.Counter",), hints=("a", "b", "c"), limit=20.0)


@words.case("counts words", points=20)
def counts(student, draw):
    text = draw.text(20)
    wanted = {}
    for word in text.split():
        wanted[word] = wanted.get(word, 0) + 1
    equal(student.words(text), wanted, "the counts")


@words.case("refuses what is no text", points=10)
def refuses(student, draw):
    raises(TypeError, student.words, draw.randint(1, 9))


Linear = Exercise("Linear", points=20, hints=("a", "b", "c"), limit=20.0)


@Linear.case("computes and has gradients", points=20)
def linear(student, draw):
    weight, x, g = draw.tensor(3, 4), draw.tensor(2, 4), draw.tensor(2, 3)
    layer = student.new("Linear", 4, 3)
    layer.load({"weight": weight})
    close(layer(x), x @ weight.T, "the output")
    found = layer.gradients(x, cotangent=g)
    close(found.inputs[0], g @ weight, "the gradient of the input")
    close(found.parameters["weight"], g.T @ x, "the gradient of the weight")


stream = Exercise("stream", points=10, hints=("a", "b", "c"), limit=20.0)


@stream.case("yields what the step gives", points=10)
def yields(student, draw):
    start, asked = draw.randint(10, 99), []

    def step(number):
        asked.append(number)
        return number + 3

    equal(student.take("stream", 5, step, start), [start + 3 * index for index in range(1, 6)], "the items")
    true(len(asked) == 5, f"The step was called {len(asked)} times, 5 would do.")


hunt = Exercise("hunt", points=10, bug_hunt=True, bonus=True, hints=("a", "b", "c"), limit=20.0)


@hunt.case("the largest of negative numbers", points=10)
def negative(student, draw):
    equal(student.hunt([-draw.randint(2, 9), -1]), -1, "the largest")


@hunt.case("the largest of positive numbers", points=0)
def positive(student, draw):
    high = draw.randint(5, 9)
    equal(student.hunt([1, high, 2]), high, "the largest")


victim = Exercise("victim", points=10, bonus=True, hints=("a", "b", "c"), limit=1.0)


@victim.case("multiplies every number", points=10)
def attacked(student, draw):
    x = draw.tensor(3, 4)
    close(student.victim(x, 2.5), x * 2.5, "the result")
"""

REFERENCE = {
    "scale": "def scale(x, factor):\n    return x * factor",
    "total": "def total(x, factor):\n    return scale(x, factor).sum()",
    "words": """def words(text):
    if not isinstance(text, str):
        raise TypeError("no text")
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts""",
    "Linear": """class Linear(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(d_out, d_in))

    def forward(self, x):
        return x @ self.weight.T""",
    "stream": """def stream(step, start):
    while True:
        start = step(start)
        yield start""",
    "hunt": "def hunt(numbers):\n    return max(numbers)",
    "victim": "def victim(x, factor):\n    return x * factor",
}
GIVEN = {"hunt": "def hunt(numbers):\n    return max(max(numbers), 0)"}
SETUP = "import torch\nfrom torch import nn\n\nfrom storyteller_course import check, hint, progress, use"
DEMO = "x = torch.arange(3)\nprint(x)\nprint(x + 1)\nraise SystemExit('a demo is never run')"
POINTS = 100  # without the bonus


def stub(name: str) -> str:
    """What the student starts from."""
    if name in GIVEN:
        return GIVEN[name]
    lines = REFERENCE[name].split("\n")
    body = f'raise NotImplementedError("{name}: fill in the TODOs above, then run the check below.")'
    if name == "Linear":
        return "\n".join([*lines[:6], f"        {body}"])
    return f"{lines[0]}\n    {body}"


def code(source: str, name: str | None = None, **ours: str) -> dict[str, Any]:
    """A code cell."""
    metadata = {"storyteller": ours} if ours else {}
    cell = {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}
    return cell | ({"id": name} if name else {})


def notebook(answers: dict[str, str] | None = None, exercises: Collection[str] = tuple(REFERENCE)) -> dict[str, Any]:
    """The student notebook, with these answers in it."""
    answers = answers or {}
    cells = [{"cell_type": "markdown", "source": "# A lesson", "metadata": {}, "id": "head"}]
    cells += [code(SETUP, "setup", role="setup"), code(DEMO, "demo")]
    for name in exercises:
        cells.append(code(answers.get(name, stub(name)), name, role="answer", exercise=name))
        cells.append(code(f'check("{name}")', f"{name}-check", role="check", exercise=name))
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def cell_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The cell with this id."""
    return next(cell for cell in document["cells"] if cell.get("id") == name)


def write(path: Path, document: Any) -> Path:
    """Write a notebook's file."""
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def make_lesson(folder: Path, exercises: Collection[str] = tuple(REFERENCE)) -> Path:
    """The lesson's folder, with its checks and the student notebook; all exercises unless some are named."""
    home = folder / "07_judged"
    write_checks(home, CHECKS, exercises)
    write(home / "07_judged.ipynb", notebook(exercises=exercises))
    return home


SECRET = "a secret of the course"
HONEST = {name: source for name, source in REFERENCE.items() if name != "victim"}


def graded(lesson: Lesson, folder: Path, document: Any, **options: Any) -> SubmissionResult:
    """The result of a submission: a notebook as a dict, or the text of a file, or a path."""
    path = document if isinstance(document, Path) else write(folder / "submission.ipynb", document)
    return judge_notebook(path, lesson, **{"secret": SECRET} | options)


def points(result: SubmissionResult) -> dict[str, int]:
    """What each exercise earned."""
    return {exercise.name: exercise.earned for exercise in result.exercises}
