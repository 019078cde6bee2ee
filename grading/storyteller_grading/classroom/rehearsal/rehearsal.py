"""Writes a synthetic class into a course folder: the roster, what everybody handed in, and the plan of the grades.

The plan, `plan.json`, says what each student must get. It is for the instructor who rehearses, and for the test that
compares it with the gradebook.
"""

import json
from collections.abc import Sequence
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.classroom.autograde.gradebook import open_gradebook
from storyteller_grading.classroom.course import COLUMNS, Course, nbgrader_time, roster_text
from storyteller_grading.classroom.rehearsal.expected_grades import KnownAnswers
from storyteller_grading.classroom.rehearsal.mishaps import written
from storyteller_grading.classroom.rehearsal.synthetic_class import DUE, MIN_STUDENTS, PlannedStudent, plan_class

PLAN = "plan.json"


def write_class(
    course: Course, lesson: Lesson, *, students: int, seed: int, seeds: tuple[str, ...]
) -> list[PlannedStudent]:
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
    if students < MIN_STUDENTS:
        raise StorytellerError(
            f"A class has one student of each kind at least: give --students {MIN_STUDENTS} or more."
        )
    refuse_real_class(course)
    answers = KnownAnswers(lesson, seeds)
    people = plan_class(answers, students=students, seed=seed)
    release = json.loads(lesson.notebook.read_text(encoding="utf-8"))
    for student in people:
        folder = course.submitted / student.id / lesson.name
        write_whole(folder / f"{lesson.name}.ipynb", submission(student, release, answers))
        write_whole(folder / "timestamp.txt", nbgrader_time(student.submitted_at))
    roster = roster_text([getattr(student, column) for column in COLUMNS] for student in people)
    path, kept = course.roster_file, course.roster_file.with_suffix(".csv.before")
    if path.is_file() and not kept.exists() and path.read_text(encoding="utf-8") != roster:
        write_whole(kept, path.read_bytes())  # the roster that was there before
    write_whole(path, roster)
    document = plan_as_data(people, lesson, seed)
    write_whole(course.folder / PLAN, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return people


def submission(student: PlannedStudent, release: dict[str, Any], answers: KnownAnswers) -> bytes:
    """The file that a student hands in."""
    notebook = json.loads(json.dumps(release))
    for cell in notebook["cells"]:
        ours = cell["metadata"].get("storyteller", {})
        if ours.get("role") == "written" and student.written:
            cell["source"] = student.written
        if ours.get("role") == "answer":
            cell["source"] = answers.source(ours["exercise"], student.answers[ours["exercise"]])
    return written(notebook, student.mishap)


def set_due(course: Course, lesson: str) -> None:
    """Tell nbgrader's gradebook when the lesson was due, so that late work is late there."""
    with open_gradebook(course) as book:
        book.update_or_create_assignment(lesson, duedate=DUE.replace(tzinfo=None))  # nbgrader keeps UTC


def plan_as_data(people: Sequence[PlannedStudent], lesson: Lesson, seed: int) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "lesson": lesson.name,
        "seed": seed,
        "due": nbgrader_time(DUE),
        "students": [
            {
                "id": student.id,
                "kind": student.kind,
                "mishap": student.mishap,
                "earned": student.earned,
                "extra": student.extra,
                "late_seconds": max(0, int((student.submitted_at - DUE).total_seconds())),
                "exercises": {
                    name: {"answer": student.answers[name], "earned": grade.earned, "mistake": grade.mistake}
                    for name, grade in student.expected.items()
                },
            }
            for student in people
        ],
    }


def refuse_real_class(course: Course) -> None:
    """A rehearsal writes over what an earlier rehearsal wrote, and over nothing else.

    Raises:
        StorytellerError: somebody has handed in who is not in the plan of an earlier rehearsal.
    """
    try:
        document = json.loads((course.folder / PLAN).read_text(encoding="utf-8"))
        planned = {student["id"] for student in document["students"]}
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or a damaged one: it names nobody
        planned = set()
    folders = course.submitted.iterdir() if course.submitted.is_dir() else ()
    handed_in = {path.name for path in folders if path.is_dir() and not path.name.startswith(".")}
    if others := sorted(handed_in - planned):
        raise StorytellerError(
            f"{course.submitted} has what real students handed in ({others[0]}, ...): rehearse in a course folder of "
            "its own, which `storyteller-grade init` makes."
        )
