"""The student's code in this very process: what the notebook checks, and what the known wrong answers run in."""

import ast
import linecache
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from storyteller_course.exercises.known_answers import run_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.runner.server import Namespace, Server


class InProcessStudent(Server):
    """A transport to code in a namespace of this process. Values are still encoded and decoded, both ways.

    Args:
        namespace: where the code lives.
        anew: gives a namespace in which the same code has only been defined; for `renew`.
    """

    def __init__(self, namespace: Namespace, *, anew: Callable[[], Namespace] | None = None) -> None:
        super().__init__(namespace)
        self.anew = anew or (lambda: defined_anew(namespace))

    def renew(self) -> None:
        """Go on in a namespace in which nothing has run; all objects are gone."""
        super().__init__(self.anew())


def defined_anew(namespace: Namespace) -> Namespace:
    """A copy of a namespace in which the functions and classes that were written there are defined once more.

    So nothing is left in a class, an attribute or a default argument. Other variables are shared, and so is what cannot
    be defined again because its source is gone; the judge, whose workers are processes, shares nothing.
    """
    copy = dict(namespace)
    for name, value in namespace.items():
        members = vars(value).values() if isinstance(value, type) else [value]
        functions = [
            member for member in members if isinstance(member, types.FunctionType) and member.__globals__ is namespace
        ]
        if functions:
            source = source_of(value.__name__, functions[0].__code__.co_filename)
            with suppress(Exception):  # whatever a student's decorators do; then the old one stays
                run_source(source, copy, f"<{name}>")
    return copy


def source_of(name: str, filename: str) -> str:
    """The source of a function or class in a cell. `inspect` does not find that of a notebook's classes."""
    text = "".join(linecache.getlines(filename))
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a cell with a magic in it, or nested very deep
        return ""
    kinds = ast.FunctionDef | ast.ClassDef
    nodes = [node for node in statements if isinstance(node, kinds) and node.name == name]
    if not nodes:
        return ""
    first = min([nodes[-1].lineno, *(decorator.lineno for decorator in nodes[-1].decorator_list)])
    return "".join(text.splitlines(keepends=True)[first - 1 : nodes[-1].end_lineno])


@contextmanager
def stand_ins_in_place(namespace: Namespace, lesson: Lesson, names: Iterable[str]) -> Iterator[list[str]]:
    """Context manager: puts the course's own functions in the place of these exercises'.

    Yields the names that were replaced. An exercise for which nothing stands in stays as it is.
    """
    absent: Any = object()
    before: dict[str, Any] = {}
    for name in names:
        stand_in = lesson.stand_in(name)
        if stand_in is not None:
            before[name] = namespace.get(name, absent)
            namespace[name] = stand_in
    try:
        yield list(before)
    finally:
        for name, value in before.items():
            if value is absent:
                namespace.pop(name, None)
            else:
                namespace[name] = value
