"""What every notebook of the course uses, and what its checks are written with.

In a notebook:

    from storyteller.course import check, hint, progress, use

In the files of a lesson's folders `checks` and `answers`:

    from storyteller.course import Exercise, close, equal, given, raises, true, unchanged
    from storyteller.course import Given, Right, Wrong

A name is imported when it is first used, so that importing this package loads neither torch nor IPython.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storyteller.course.answers import Given, Right, Wrong
    from storyteller.course.carry import use
    from storyteller.course.exercise import Exercise
    from storyteller.course.expect import Mismatch, close, equal, raises, true, unchanged
    from storyteller.course.lesson import Lesson, load_lesson
    from storyteller.course.notebook import CheckFailed, check, hint, progress
    from storyteller.course.request import StudentError, given

__all__ = [
    "CheckFailed",
    "Exercise",
    "Given",
    "Lesson",
    "Mismatch",
    "Right",
    "StudentError",
    "Wrong",
    "check",
    "close",
    "equal",
    "given",
    "hint",
    "load_lesson",
    "progress",
    "raises",
    "true",
    "unchanged",
    "use",
]

_HOMES = {
    "answers": ("Given", "Right", "Wrong"),
    "carry": ("use",),
    "exercise": ("Exercise",),
    "expect": ("Mismatch", "close", "equal", "raises", "true", "unchanged"),
    "lesson": ("Lesson", "load_lesson"),
    "notebook": ("CheckFailed", "check", "hint", "progress"),
    "request": ("StudentError", "given"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
