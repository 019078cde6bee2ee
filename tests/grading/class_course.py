"""Course folders and graded synthetic classes, for the tests of feedback, reports and similarity."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.lesson_folders import new_lesson
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.rehearsal.synthetic_class import PLAN, set_due, write_class

SECRET = "5" * 64


@dataclass(frozen=True)
class GradedClass:
    """A course with a synthetic class whose submissions were graded."""

    course: Course
    lesson: Lesson
    plan: dict[str, Any]
    records: list[Record]


def template_lesson(folder: Path) -> Lesson:
    """The lesson that new ones are made from: three exercises."""
    home = new_lesson("06_next_letter", folder / "lessons")
    solution = nbformat.writes(draft_lesson(home).notebook()) + "\n"
    (home / f"{home.name}.ipynb").write_text(student_notebook(home.name, solution), encoding="utf-8")
    return load_lesson(home)


def write_notebooks(folder: Path, **metadata: str) -> None:
    """Build both notebooks of a lesson, without executing them."""
    notebook = draft_lesson(folder).notebook()
    notebook.metadata.update(metadata)
    solution = nbformat.writes(notebook) + "\n"
    place = folder.parents[1] / "solutions"
    place.mkdir(exist_ok=True)
    (place / f"{folder.name}.ipynb").write_text(solution, encoding="utf-8", newline="\n")
    student = student_notebook(folder.name, solution)
    (folder / f"{folder.name}.ipynb").write_text(student, encoding="utf-8", newline="\n")


def make_course(folder: Path) -> Course:
    """A course's folder with its configuration and secret."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text("", encoding="utf-8")
    (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
    (folder / "secret").chmod(0o600)
    return Course.open(folder)


def graded_class(folder: Path, lesson: Lesson, *, students: int, seed: int = 1, jobs: int = 1) -> GradedClass:
    """Write a class and autograde it, with one hidden input a case."""
    course, draws = make_course(folder), 1
    write_class(course, lesson, students=students, seed=seed, draws=draws)
    set_due(course, lesson.name)
    # The code is our own: where there is no sandbox it may run without.
    autograde(course, lesson.folder, GradingOptions(draws=draws, jobs=jobs, unsafe=True))
    return read_class(folder, lesson)


def read_class(folder: Path, lesson: Lesson) -> GradedClass:
    """The graded class in a folder."""
    course = Course.open(folder)
    with Records(course.records_file) as records:
        found = records.all_latest(lesson.name)
    return GradedClass(course, lesson, json.loads((folder / PLAN).read_text(encoding="utf-8")), found)
