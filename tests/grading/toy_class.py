"""A class for the toy lesson: its course's folder, and what its students hand in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from toy_lesson import write_toy

from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.classroom.autograde.grade_task import TaskOutcome
from storyteller_grading.classroom.course import Course

NAME = "09_toys"
SECRET = "ab" * 32
POINTS = {"double": 50, "Adder": 30, "half": 20}
RIGHT = {
    "double": "def double(number):\n    return number + number",
    "Adder": (
        "class Adder:\n    def __init__(self, kept):\n        self.kept = kept\n\n"
        "    def forward(self, number):\n        return number + self.kept\n\n"
        "    def twice(self, number):\n        return self.forward(self.forward(number))"
    ),
    "half": "def half(number):\n    return number / 2",
}


def make_lesson(folder: Path) -> Path:
    """The toy lesson's folder, with the notebook that is handed out."""
    home = write_toy(folder)
    solution = nbformat.writes(draft_lesson(home).notebook()) + "\n"
    (home / f"{NAME}.ipynb").write_text(student_notebook(NAME, solution), encoding="utf-8")
    return home


def make_course(folder: Path, config: str = "") -> Course:
    """An empty course."""
    folder.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(f"c = get_config()\n{config}\n", encoding="utf-8")
    (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
    (folder / "secret").chmod(0o600)
    return Course.open(folder)


def notebook(home: Path, answers: Mapping[str, str] = RIGHT, written: str = "") -> dict[str, Any]:
    """The student notebook with answers in it."""
    document = json.loads((home / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    for cell in document["cells"]:
        ours = cell["metadata"].get("storyteller", {})
        if ours.get("role") == "answer" and ours["exercise"] in answers:
            cell["source"] = answers[ours["exercise"]]
        if ours.get("role") == "written" and written:
            cell["source"] = written
    return document


def hand_in(course: Course, student: str, document: Any, *, when: str = "") -> Path:
    """Put a notebook where nbgrader's collect would."""
    place = course.submitted / student / NAME
    place.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (place / f"{NAME}.ipynb").write_text(text, encoding="utf-8")
    if when:
        (place / "timestamp.txt").write_text(when, encoding="utf-8")
    return place / f"{NAME}.ipynb"


def hand_in_all(course, home):
    hand_in(course, "ada", notebook(home, written="Because."), when="2026-03-01 12:00:00.000000 UTC")
    hand_in(course, "bob", notebook(home, {"double": RIGHT["double"]}))
    hand_in(course, "cyd", '{"cells": 3}')
    hand_in(course, "dan", notebook(home, RIGHT | {"half": "import os\nos._exit(0)"}))
    other = course.submitted / "eve" / NAME
    other.mkdir(parents=True)
    (other / "mine.ipynb").write_text(json.dumps(notebook(home)), encoding="utf-8")
    (course.submitted / "fay" / NAME).mkdir(parents=True)
    (course.submitted / "fay" / NAME / f"{NAME}.ipynb").symlink_to(course.secret_file)
    (course.submitted / "gil" / NAME).mkdir(parents=True)


def outcome(student: str, earned: Mapping[str, int] = POINTS, written: str = "Because.", **changes: Any) -> TaskOutcome:
    """What a judge would say, without one: each exercise has one case."""
    exercises = [
        {
            "name": name,
            "earned": earned.get(name, 0),
            "points": points,
            "bonus": False,
            "solved": earned.get(name, 0) == points,
            "mistake": "",
            "replaced": [],
            "cases": [_case(points, earned.get(name, 0))],
        }
        for name, points in POINTS.items()
    ]
    total = sum(earned.values())
    data = {
        "lesson": NAME,
        "earned": total,
        "points": 100,
        "extra": 0,
        "fault": "",
        "exercises": exercises,
        "notes": [],
    }
    about = {"lesson": NAME, "student": student, "sha256": "0" * 64, "status": "graded", "data": data}
    return TaskOutcome(**about | {"answers": dict(RIGHT), "written": {"why": written}} | changes)


def _case(points: int, earned: int) -> dict[str, Any]:
    said = {"kind": "", "message": ""} if earned == points else {"kind": "differs", "message": "got 1, wanted 2"}
    passed = {"passed": earned == points, "explanation": "", "mistake": ""}
    return {"id": "x", "title": "does it", "points": points, "earned": earned, **passed, **said}


def table(course: Course) -> dict[str, Any]:
    """All that nbgrader's gradebook says of the lesson, by student and cell."""
    with Gradebook(course.gradebook_url) as book:
        return {
            submission.student.id: {
                "when": submission.timestamp,
                "penalty": submission.late_submission_penalty,
                **{
                    grade.name: (grade.auto_score, grade.manual_score, grade.max_score, grade.needs_manual_grade)
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                },
                **{
                    f"{comment.name} comment": comment.comment
                    for notebook in submission.notebooks
                    for comment in notebook.comments
                },
            }
            for submission in book.assignment_submissions(NAME)
        }
