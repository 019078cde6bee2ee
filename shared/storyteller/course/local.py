"""The student's code in this very process: what the notebook checks, and what the known wrong answers run in."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from storyteller.course.lesson import Lesson
from storyteller.course.request import CallBack
from storyteller.course.serve import Namespace, Server


class LocalStudent:
    """A way to code in a namespace of this process. Values still go through the wire, both ways."""

    def __init__(self, namespace: Namespace) -> None:
        self.server = Server(namespace)

    def exchange(self, frame: bytes, *, seconds: float, call_back: CallBack) -> bytes:
        """Carry out the request in a frame; its limit is kept by `timebound.py`."""
        return self.server.answer(frame, call_back)


@contextmanager
def parts_in_place(namespace: Namespace, lesson: Lesson, names: Iterable[str]) -> Iterator[list[str]]:
    """Within it, these exercises' functions are the course's own. Yields the names that were replaced.

    An exercise for which the course has no part stays as it is.
    """
    absent: Any = object()
    before: dict[str, Any] = {}
    for name in names:
        part = lesson.part(name)
        if part is not None:
            before[name] = namespace.get(name, absent)
            namespace[name] = part
    try:
        yield list(before)
    finally:
        for name, value in before.items():
            if value is absent:
                namespace.pop(name, None)
            else:
                namespace[name] = value
