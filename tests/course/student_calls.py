"""What several tests do: ask a student's code, grade it, run a cell, save a notebook."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.grading.result import ExerciseResult
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.student_errors import StudentError
from storyteller_course.runner.student_proxy import StudentProxy


def student(namespace: dict[str, Any], **options: Any) -> StudentProxy:
    return StudentProxy(InProcessStudent(namespace), **options)


def fault(call: Callable[[], Any]) -> StudentError:
    with pytest.raises(StudentError) as caught:
        call()
    return caught.value


def graded(lesson: Lesson, name: str, namespace: dict[str, Any], **options: Any) -> ExerciseResult:
    mistakes = known_mistakes(lesson, name)
    return grade(lesson.exercises[name], InProcessStudent(namespace), mistakes=mistakes, **options)


def run(namespace: dict[str, Any], call: str) -> None:
    """Run a line as a cell of a notebook whose names are in the namespace."""
    exec(f"from storyteller_course import check, hint, progress, use\n{call}", namespace)


def save(work: Path, *cells: tuple[str, str] | str) -> None:
    """Save a notebook of lesson 01 with code cells: (id, source) or source."""
    pairs = [each if isinstance(each, tuple) else (f"c{index}", each) for index, each in enumerate(cells)]
    code = [{"cell_type": "code", "id": name, "source": source.splitlines(keepends=True)} for name, source in pairs]
    book = {"cells": [{"cell_type": "markdown", "source": "# x"}, *code], "nbformat": 4}
    (work / "01_toys" / "01_toys.ipynb").write_text(json.dumps(book), encoding="utf-8")
