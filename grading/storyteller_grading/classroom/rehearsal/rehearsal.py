"""Writes a synthetic class into a course folder: the roster, what everybody handed in, and the plan of the grades.

The plan, `plan.json`, says what each student must get. It is for the instructor who rehearses, and for the test that
compares it with the gradebook.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.classroom.autograde.gradebook import open_gradebook
from storyteller_grading.classroom.course import COLUMNS, Course, nbgrader_time, roster_text
from storyteller_grading.classroom.rehearsal.expected_grades import Answers
from storyteller_grading.classroom.rehearsal.mishaps import written
from storyteller_grading.classroom.rehearsal.synthetic_class import DUE, FEWEST, Planned, plan_class

PLAN = "plan.json"


def rehearse(course: Course, lesson: Lesson, *, students: int, seed: int, seeds: tuple[str, ...]) -> list[Planned]:
    """Plan a class and write it down.

    Args:
        course: the folder; nobody else may have handed in anything there.
        lesson: with its reference and answers.
        students: how many.
        seed: of the class.
        seeds: of the hidden inputs, drawn from the course's secret.

    Raises:
        StorytellerError: the folder is a real class's, or there are too few students for one of each kind.
    """
    if students < FEWEST:
        raise StorytellerError(f"A class has one student of each kind at least: give --students {FEWEST} or more.")
    _refuse_real(course)
    answers = Answers(lesson, seeds)
    people = plan_class(answers, students=students, seed=seed)
    release = json.loads(lesson.notebook.read_text(encoding="utf-8"))
    for one in people:
        folder = course.submitted / one.id / lesson.name
        write_whole(folder / f"{lesson.name}.ipynb", submission(one, release, answers))
        write_whole(folder / "timestamp.txt", nbgrader_time(one.submitted_at))
    _write_roster(course, people)
    document = plan_as_data(people, lesson, seed)
    write_whole(course.folder / PLAN, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return people


def submission(one: Planned, release: dict[str, Any], answers: Answers) -> bytes:
    """The file that a student hands in."""
    notebook = json.loads(json.dumps(release))
    for cell in notebook["cells"]:
        ours = cell["metadata"].get("storyteller", {})
        if ours.get("role") == "written" and one.written:
            cell["source"] = one.written
        if ours.get("role") == "answer":
            cell["source"] = answers.source(ours["exercise"], one.answers[ours["exercise"]])
    return written(notebook, one.mishap)


def set_due(course: Course, lesson: str) -> None:
    """Tell nbgrader's gradebook when the lesson was due, so that late work is late there."""
    with open_gradebook(course) as book:
        book.update_or_create_assignment(lesson, duedate=DUE.replace(tzinfo=None))  # nbgrader keeps UTC


def plan_as_data(people: Sequence[Planned], lesson: Lesson, seed: int) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "lesson": lesson.name,
        "seed": seed,
        "due": nbgrader_time(DUE),
        "students": [
            {
                "id": one.id,
                "kind": one.kind,
                "mishap": one.mishap,
                "earned": one.earned,
                "extra": one.extra,
                "late_seconds": max(0, int((one.submitted_at - DUE).total_seconds())),
                "exercises": {
                    name: {"answer": one.answers[name], "earned": what.earned, "mistake": what.mistake}
                    for name, what in one.expected.items()
                },
            }
            for one in people
        ],
    }


def _refuse_real(course: Course) -> None:
    """A rehearsal writes over what an earlier rehearsal wrote, and over nothing else."""
    ours = _planned_before(course.folder / PLAN)
    folders = course.submitted.iterdir() if course.submitted.is_dir() else ()
    there = {path.name for path in folders if path.is_dir() and not path.name.startswith(".")}
    if others := sorted(there - ours):
        raise StorytellerError(
            f"{course.submitted} has what real students handed in ({others[0]}, ...): rehearse in a course folder of "
            "its own, which `storyteller-grade init` makes."
        )


def _planned_before(plan: Path) -> set[str]:
    """The students of an earlier rehearsal; of a plan that is damaged nobody."""
    try:
        return {one["id"] for one in json.loads(plan.read_text(encoding="utf-8"))["students"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _write_roster(course: Course, people: Sequence[Planned]) -> None:
    """The class's roster; one that was there before is kept beside it."""
    text = roster_text([getattr(one, column) for column in COLUMNS] for one in people)
    path, kept = course.roster_file, course.roster_file.with_suffix(".csv.before")
    if path.is_file() and not kept.exists() and path.read_text(encoding="utf-8") != text:
        write_whole(kept, path.read_bytes())
    write_whole(path, text)
