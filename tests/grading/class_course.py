"""Course folders and graded synthetic classes, for the tests of feedback, reports and similarity."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from storyteller.course.lesson import Lesson, load_lesson
from storyteller_grading.build import draft_lesson
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.outcome import Task, grade_one
from storyteller_grading.classroom.records import Record, Records
from storyteller_grading.classroom.rehearsal import PLAN, rehearse
from storyteller_grading.judge.judging import hidden_seeds
from storyteller_grading.new import new_lesson
from storyteller_grading.release import student_notebook

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


def make_course(folder: Path) -> Course:
    """A course's folder with its configuration and secret."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text("", encoding="utf-8")
    (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
    (folder / "secret").chmod(0o600)
    return Course.open(folder)


def graded_class(folder: Path, lesson: Lesson, *, students: int, seed: int = 1, draws: int = 1) -> GradedClass:
    """Write a class, grade it one by one, and keep the records."""
    course = make_course(folder)
    rehearse(course, lesson, students=students, seed=seed, seeds=hidden_seeds(SECRET, draws))
    with Records(course.records_file) as records:
        for one in course.submissions(lesson.name):
            task = Task(
                lesson=str(lesson.folder),
                student=one.student,
                name=one.notebook.name,
                notebook=one.notebook.read_bytes(),
                secret=SECRET,
                draws=draws,
                unsafe=True,  # our own code
            )
            records.put(grade_one(task), one.submitted_at)
        found = records.all_latest(lesson.name)
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    return GradedClass(course, lesson, plan, found)
