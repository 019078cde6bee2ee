"""The student's code in this very process: what the notebook checks, and what the known wrong answers run in."""

import ast
import linecache
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from storyteller_course.exercises.known_answers import run_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.runner.protocol import CallBack
from storyteller_course.runner.server import Namespace, Server


class LocalStudent:
    """A way to code in a namespace of this process. Values still go through the wire, both ways.

    Args:
        namespace: where the code lives.
        anew: gives a namespace in which the same code has only been defined; for `renew`.
    """

    def __init__(self, namespace: Namespace, *, anew: Callable[[], Namespace] | None = None) -> None:
        self.server = Server(namespace)
        self.anew = anew or (lambda: defined_anew(namespace))

    def exchange(self, frame: bytes, *, seconds: float, call_back: CallBack) -> bytes:
        """Carry out the request in a frame; its limit is kept by `timebound.py`."""
        return self.server.answer(frame, call_back)

    def renew(self) -> None:
        """Go on in a namespace in which nothing has run."""
        self.server = Server(self.anew())


def defined_anew(namespace: Namespace) -> Namespace:
    """A copy of a namespace in which the functions and classes that were written there are defined once more.

    So nothing is left in a class, an attribute or a default argument. Other variables are shared, and so is what cannot
    be defined again because its source is gone; the judge, whose workers are processes, shares nothing.
    """
    copy = dict(namespace)
    for name, value in namespace.items():
        members = vars(value).values() if isinstance(value, type) else [value]
        functions = [one for one in members if isinstance(one, types.FunctionType) and one.__globals__ is namespace]
        if functions:
            source = _definition(functions[0].__code__.co_filename, value.__name__)
            with suppress(Exception):  # whatever a student's decorators do; then the old one stays
                run_source(source, copy, f"<{name}>")
    return copy


def _definition(filename: str, name: str) -> str:
    """The source of a function or class in a cell. `inspect` does not find that of a notebook's classes."""
    text = "".join(linecache.getlines(filename))
    try:
        statements = ast.parse(text).body
    except SyntaxError:  # a cell with a magic in it
        return ""
    kinds = ast.FunctionDef | ast.ClassDef
    found = [node for node in statements if isinstance(node, kinds) and node.name == name]
    if not found:
        return ""
    first = min([found[-1].lineno, *(one.lineno for one in found[-1].decorator_list)])
    return "".join(text.splitlines(keepends=True)[first - 1 : found[-1].end_lineno])


@contextmanager
def stand_ins_in_place(namespace: Namespace, lesson: Lesson, names: Iterable[str]) -> Iterator[list[str]]:
    """Within it, these exercises' functions are the course's own. Yields the names that were replaced.

    An exercise for which nothing stands in stays as it is.
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
