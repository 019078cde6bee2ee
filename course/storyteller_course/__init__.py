"""What every notebook of the course uses, and what its checks are written with.

In a notebook:

    from storyteller_course import check, hint, progress, use

In the files of a lesson's folders `checks` and `answers`:

    from storyteller_course import Exercise, close, equal, given, raises, true, unchanged
    from storyteller_course import Given, Right, Wrong

A name is imported when it is first used, so that importing this package loads neither torch nor IPython.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storyteller_course.exercises.assertions import Mismatch, close, equal, raises, true, unchanged
    from storyteller_course.exercises.exercise import Exercise
    from storyteller_course.exercises.known_answers import Given, Right, Wrong
    from storyteller_course.exercises.lesson import Lesson, load_lesson
    from storyteller_course.notebook.check import CheckFailed, check, hint, progress
    from storyteller_course.notebook.use import use
    from storyteller_course.runner.protocol import StudentError, given

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
    "exercises.assertions": ("Mismatch", "close", "equal", "raises", "true", "unchanged"),
    "exercises.exercise": ("Exercise",),
    "exercises.known_answers": ("Given", "Right", "Wrong"),
    "exercises.lesson": ("Lesson", "load_lesson"),
    "notebook.check": ("CheckFailed", "check", "hint", "progress"),
    "notebook.use": ("use",),
    "runner.protocol": ("StudentError", "given"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
