"""Which functions are the student's own, and which the course's: what is solved carries on.

encode = use("encode")  # the student's, from this notebook or an earlier one, if it passes its check
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.result import ExerciseResult
from storyteller_course.notebook.locate import current_lesson, lesson_of
from storyteller_course.notebook.progress_store import ProgressStore

if TYPE_CHECKING:
    from storyteller_course.runner.in_process import InProcessStudent

Namespace = dict[str, Any]

_passed: dict[str, bool] = {}  # by the digest of the code, within this process


def use(name: str) -> Callable[..., Any]:
    """The student's own function or class `name` if it passes its check, and the course's otherwise.

    It is looked for in this notebook, or in the saved notebook of the lesson that it belongs to. One printed line says
    which it is. (For a long run, `storyteller_course.capstone.gather` also asks how fast it is.)

    Raises:
        StorytellerError: there is no such exercise, or neither a solved one nor one of the course.
    """
    found = look_for(name, sys._getframe(1).f_globals)
    lesson, place = found.lesson, "" if found.is_here else f" in {found.lesson.name}"
    if found.own is not None:
        print(f"{name}: yours{place and ', solved'}{place}.")
        return found.own
    stand_in = lesson.stand_in(name)
    if stand_in is None:
        raise StorytellerError(f"{name} is not solved, and the course has none of its own for it: solve it first.")
    print(f'{name}: the course\'s; yours takes its place once check("{name}") passes{place}.')
    return stand_in


@dataclass(frozen=True)
class LocatedAnswer:
    """Where an exercise was looked for, and what is there."""

    lesson: Lesson
    own: Callable[..., Any] | None  # the student's function; None where it does not pass its check
    is_here: bool  # it was looked for in the running notebook, not in a saved one


def look_for(name: str, live: Namespace, *, at_work: Mapping[str, Callable[..., Any]] | None = None) -> LocatedAnswer:
    """The student's function or class, in the running notebook's names (`live`) or in the saved one of its lesson.

    A saved one calls the functions in `at_work` in place of those of the same names.

    Raises:
        StorytellerError: there is no such exercise.
    """
    lesson = lesson_of(name)
    here = current_lesson()
    value = live.get(name)
    # Written in this very notebook, not fetched by an earlier `use`?
    is_written_here = getattr(value, "__globals__", None) is live or (
        isinstance(value, type) and value.__module__ == live.get("__name__")
    )
    is_here = is_written_here or (here is not None and here.folder == lesson.folder)
    own = own_answer(lesson, name, live) if is_here else saved_answer(lesson, name, at_work=at_work)
    return LocatedAnswer(lesson, own, is_here)


def own_answer(lesson: Lesson, name: str, namespace: Namespace) -> Callable[..., Any] | None:
    """The student's function in this namespace, None unless it and what it builds on pass their checks."""
    if is_stand_in(lesson, name, namespace):
        return None
    if all(passes(lesson, needed, namespace) for needed in (*lesson.foundations(name), name)):
        own: Callable[..., Any] = namespace[name]
        return own
    return None


def saved_answer(
    lesson: Lesson, name: str, *, at_work: Mapping[str, Callable[..., Any]] | None = None
) -> Callable[..., Any] | None:
    """The student's function out of the saved notebook of its lesson, None unless it passes its check.

    Only the definitions that it needs are run: functions, classes, imports and assignments, no other cells. Of these,
    the ones named in `at_work` are replaced once the check is passed.
    """
    from storyteller_course.exercises.known_answers import run_source
    from storyteller_course.notebook.source_digest import needed, statements

    definitions = needed(statements(lesson.notebook), name)
    if not any(name in statement.defines for statement in definitions):
        return None
    namespace: Namespace = {"__name__": f"_storyteller_saved_{lesson.name}"}
    try:
        for statement in definitions:
            run_source(statement.source, namespace, f"<{lesson.notebook.name}>")
    except Exception:  # noqa: BLE001  whatever a student's notebook does; the check in that notebook tells them
        return None
    for earlier in lesson.foundations(name):
        stand_in = lesson.stand_in(earlier)
        if stand_in is not None and not passes(lesson, earlier, namespace):
            namespace[earlier] = stand_in
    if not passes(lesson, name, namespace):
        return None
    namespace.update({called: part for called, part in (at_work or {}).items() if called in namespace})
    own: Callable[..., Any] = namespace[name]
    return own


def is_stand_in(lesson: Lesson, name: str, namespace: Namespace) -> bool:
    """Is what has this name in this namespace the course's own, put there by an earlier `use`?"""
    return namespace.get(name) is not None and namespace[name] is lesson.stand_in(name)


def passes(lesson: Lesson, name: str, namespace: Namespace) -> bool:
    """Does the function in this namespace pass its check? Checked once, as long as its code stays the same."""
    if name not in namespace:
        return False
    if is_stand_in(lesson, name, namespace):
        return True
    key, store = _key(lesson, name, namespace), ProgressStore.find(lesson.folder)
    if key not in _passed:
        _passed[key] = store.passed(key) or check_quietly(lesson, name, namespace).solved
        if _passed[key]:
            store.note_passed(key)
    return _passed[key]


def note(lesson: Lesson, name: str, namespace: Namespace, result: ExerciseResult) -> None:
    """Remember the result of a check, so that `use` need not check again."""
    if name in namespace:
        _passed[_key(lesson, name, namespace)] = result.solved


def _key(lesson: Lesson, name: str, namespace: Namespace) -> str:
    from storyteller_course.notebook.source_digest import digest

    return f"{lesson.digest[:16]}-{digest(namespace, name)[:32]}"


@contextmanager
def student_with_stand_ins(
    lesson: Lesson, name: str, namespace: Namespace
) -> Iterator[tuple["InProcessStudent", tuple[str, ...]]]:
    """Context manager: the code in this namespace, with the course's functions for what `name` builds on unsolved.

    Yields the transport to it, and the names of the exercises that were replaced.
    """
    from storyteller_course.runner.in_process import InProcessStudent, stand_ins_in_place

    unsolved = [
        earlier
        for earlier in lesson.foundations(name)
        if is_stand_in(lesson, earlier, namespace) or not passes(lesson, earlier, namespace)
    ]
    with stand_ins_in_place(namespace, lesson, unsolved) as replaced:
        yield InProcessStudent(namespace), tuple(replaced)


def check_quietly(lesson: Lesson, name: str, namespace: Namespace) -> ExerciseResult:
    """Grade a function in this namespace, and show nothing; the course's functions stand in for what is not solved."""
    from storyteller_course.grading.grade import grade

    with student_with_stand_ins(lesson, name, namespace) as (student, replaced):
        return grade(lesson.exercises[name], student, replaced=replaced)
