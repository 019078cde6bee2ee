"""What every notebook of the course uses, and what its checks are written with.

In a notebook:

    from storyteller_course import begin, check, hint, predict, progress, reveal, use

In the files of a lesson's folders `checks` and `answers`:

    from storyteller_course import Exercise, close, equal, figures, fixture, raises, shaped, true, unchanged
    from storyteller_course import Given, Right, Wrong
    from storyteller_course import choice, number, recall_exercise

A name is imported when it is first used, so that importing this package loads neither torch nor IPython.
"""

import importlib
from typing import TYPE_CHECKING, Any

_NAMES_OF = {
    "exercises.exercise": (
        "Exercise",
        "Mismatch",
        "close",
        "equal",
        "figures",
        "raises",
        "shaped",
        "true",
        "unchanged",
    ),
    "exercises.fixtures": ("fixture",),
    "exercises.known_answers": ("Given", "Right", "Wrong"),
    "exercises.lesson": ("Lesson", "load_lesson"),
    "exercises.recall": ("choice", "number", "recall_exercise"),
    "notebook.locate": ("begin",),
    "notebook.check": ("check", "hint", "progress"),
    "notebook.predict": ("predict", "reveal"),
    "notebook.shell": ("CheckFailed",),
    "notebook.use": ("use",),
    "runner.student_errors": ("StudentError",),
}
_HOME_OF = {name: module for module, names in _NAMES_OF.items() for name in names}

if TYPE_CHECKING:  # the same names for a type checker, which does not run `__getattr__`
    from storyteller_course.exercises.exercise import (
        Exercise,
        Mismatch,
        close,
        equal,
        figures,
        raises,
        shaped,
        true,
        unchanged,
    )
    from storyteller_course.exercises.fixtures import fixture
    from storyteller_course.exercises.known_answers import Given, Right, Wrong
    from storyteller_course.exercises.lesson import Lesson, load_lesson
    from storyteller_course.exercises.recall import choice, number, recall_exercise
    from storyteller_course.notebook.check import check, hint, progress
    from storyteller_course.notebook.locate import begin
    from storyteller_course.notebook.predict import predict, reveal
    from storyteller_course.notebook.shell import CheckFailed
    from storyteller_course.notebook.use import use
    from storyteller_course.runner.student_errors import StudentError


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
