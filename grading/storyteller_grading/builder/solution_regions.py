"""Takes an exercise's answer from `reference.py` and marks what the student writes.

Of a function that is all below the docstring; of a class it is the same in each method that has steps, and the rest of
the class is given.
"""

import ast
import inspect
import linecache
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller_course.exercises.scaffold import STEP, Scaffold, comments_of, goal_of, steps_of
from storyteller_grading.builder.lesson_markdown import MARKERS, BuildError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MAX_ANSWER_LINES = 30  # lines of an answer

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class MarkedAnswer:
    """An exercise's answer, as source and as the part of it that is hidden from students."""

    name: str
    source: str  # without markers
    path: Path
    line: int  # of the source's first line
    regions: tuple[tuple[int, int], ...]  # first line and the line after the last of what the student writes, from 0

    def marked(self) -> str:
        """The source with nbgrader's marks around what the student writes."""
        lines = self.source.split("\n")
        for start, stop in reversed(self.regions):
            indent = _indent(lines[start:stop])
            lines[start:stop] = [indent + BEGIN, *lines[start:stop], indent + END]
        return "\n".join(lines)

    def hidden(self) -> list[str]:
        """The regions' texts."""
        lines = self.source.split("\n")
        return ["\n".join(lines[start:stop]) for start, stop in self.regions]


def answer_of(name: str, reference: Any, path: Path, *, given: str = "") -> MarkedAnswer:
    """The answer to `name` in the reference module.

    Args:
        name: the exercise's.
        reference: the module `reference.py`.
        path: its file, for the errors.
        given: of a bug hunt, the source that the student starts from; of a class, its methods that differ are hidden.

    Raises:
        BuildError: there is no such function or class, or its source lacks a docstring or steps, has its steps out of
            order, is too long, or has nbgrader's markers.
    """
    function = getattr(reference, name, None)
    if not (inspect.isfunction(function) or inspect.isclass(function)):
        raise BuildError(path, 1, f"no function or class {name!r}, which checks has as an exercise.")
    linecache.checkcache()
    lines, line = inspect.getsourcelines(function)
    source = textwrap.dedent("".join(lines)).rstrip("\n")
    path = Path(inspect.getsourcefile(inspect.unwrap(function)) or path)
    for number, text in enumerate(source.split("\n")):
        if any(marker in text for marker in MARKERS):
            raise BuildError(path, line + number, "a solution marker in the reference; the builder places them all.")
    return MarkedAnswer(name, source, path, line, regions_of(name, source, path, line, given=given))


def regions_of(name: str, source: str, path: Path, line: int, *, given: str = "") -> tuple[tuple[int, int], ...]:
    """What the student writes of this source: for each part its first line and the line after its last, from 0."""
    [node] = ast.parse(source).body
    if isinstance(node, _Function):
        functions: list[_Function] = [node]
    elif isinstance(node, ast.ClassDef):
        methods = [method for method in node.body if isinstance(method, _Function)]
        if given:
            functions = [method for method in methods if (ast.get_source_segment(source, method) or "") not in given]
        else:
            steps = [number for number, text in comments_of(source).items() if STEP.match(text)]
            functions = [
                method for method in methods if any(method.lineno <= at <= (method.end_lineno or 0) for at in steps)
            ]
    else:
        raise BuildError(path, line, f"{name!r} is neither a function nor a class.")
    regions, lines = [], source.split("\n")
    for function in functions:
        first = function.body[0]
        if ast.get_docstring(function) is None or len(function.body) == 1:
            raise BuildError(path, line + function.lineno - 1, f"{function.name!r} needs a docstring and a body.")
        assert first.end_lineno is not None
        stop = len(lines) if function is node else _end(lines, function)
        regions.append((first.end_lineno, stop))
    return tuple(regions)


def check_steps(answer: MarkedAnswer, scaffold: Scaffold) -> None:
    """Raise a BuildError unless the steps are there, are numbered 1, 2, 3, the answer is short, and a goal is told."""
    numbers: list[int] = []
    for region, (start, stop) in zip(answer.hidden(), answer.regions, strict=True):
        line = answer.line + start
        for _, number in steps_of(region):
            if not numbers or numbers[-1] != number:
                numbers.append(number)
        code = [text for text in region.split("\n") if text.strip() and not text.strip().startswith("#")]
        if len(code) > MAX_ANSWER_LINES:
            raise BuildError(
                answer.path, line, f"{answer.name!r} has {stop - start} lines of code, at most {MAX_ANSWER_LINES}."
            )
        if bool(goal_of(region)) != (scaffold == "goal"):
            wanted = "has" if scaffold == "goal" else "has no"
            raise BuildError(
                answer.path,
                line,
                f"{answer.name!r}: an answer with scaffold={scaffold!r} {wanted} comment `# Goal: ...`.",
            )
    if not numbers:
        raise BuildError(answer.path, answer.line, f"{answer.name!r} has no comment `# Step 1: ...` in its body.")
    if numbers != list(range(1, len(numbers) + 1)):
        raise BuildError(answer.path, answer.line, f"the steps of {answer.name!r} are numbered {numbers}, not 1, 2, 3.")


def _end(lines: list[str], function: _Function) -> int:
    """The line after a method's last, with the comments at its end that the syntax tree does not know."""
    assert function.end_lineno is not None
    stop = function.end_lineno
    for number in range(stop, len(lines)):
        text = lines[number]
        if text.strip() and not (text.strip().startswith("#") and len(_indent([text])) > function.col_offset):
            break
        if text.strip():
            stop = number + 1
    return stop


def _indent(lines: list[str]) -> str:
    """The white space that all non-empty lines begin with."""
    filled = [line for line in lines if line.strip()]
    return min((line[: len(line) - len(line.lstrip())] for line in filled), key=len, default="")
