"""Feedback pages in bulk: one zip that a learning management system hands out to its students by itself.

    packed = pack_feedback(course, "01_data_preparation", CANVAS, ["ada", "alan"])

An LMS takes a page under the name that it gave the student's notebook when it was downloaded; `collect` has noted it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole, zipped
from storyteller_course.report import card
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.system import System
from storyteller_grading.classroom.roster import Student

MAX_NAME_CHARS = 300


@dataclass(frozen=True)
class Packed:
    """What was packed."""

    file: Path
    pages: int
    missing: list[str]  # students whose notebook did not come from a zip of this system


def pack_feedback(course: Course, lesson: str, system: System, students: Sequence[str]) -> Packed:
    """Pack the pages of some students, which have been written, into `feedback/LESSON-SYSTEM.zip`.

    Args:
        course: its folder.
        lesson: the lesson's name.
        system: for which one.
        students: whose pages.

    Raises:
        StorytellerError: no notebook came from a zip of this system, or the zip cannot be written.
    """
    assert system.feedback_path is not None
    came_as = course.came_as(lesson)
    roster = {student.id: student for student in course.students()}
    pages, missing = {}, []
    for name in students:
        path = system.feedback_path(came_as.get(name, ""), page_name(lesson, roster.get(name, Student(name))))
        if path:
            pages[path] = (course.feedback / name / lesson / f"{lesson}.html").read_bytes()
        else:
            missing.append(name)
    if not pages:
        raise StorytellerError(
            f"No notebook of {lesson} came from a zip of {system.title}, which takes feedback only under the names in "
            f"it: storyteller-grade collect {lesson.partition('_')[0]} SUBMISSIONS.zip notes them, also where "
            "the notebooks are here already."
        )
    file = course.feedback / f"{lesson}-{system.name}.zip"
    write_whole(file, zipped(pages))
    return Packed(file, len(pages), missing)


def page_name(lesson: str, student: Student) -> str:
    """What a page is called outside of the course's folder: with the student's name and id.

    >>> page_name("01_toys", Student("ada", "Ada", "King Lovelace"))
    '01_toys_Ada-King-Lovelace_ada.html'
    """
    name = re.sub(r"[^\w.@+=~-]+", "-", f"{student.first_name} {student.last_name}".strip())
    return "_".join(filter(None, (lesson, name.strip("-."), re.sub(r"[^\w.@+=~-]+", "-", student.id)))) + ".html"


def with_name(page: str, student: Student) -> str:
    """A student's page with whose it is as its first line."""
    name = f"{student.first_name} {student.last_name}".strip()
    parts = [f"<b>{card.escape(name, MAX_NAME_CHARS)}</b>"] if name else []
    parts.append(card.escape(student.id))
    if student.lms_user_id:
        parts.append(f"number {card.escape(student.lms_user_id)}")
    return page.replace("<body>\n", f'<body>\n<p class="who">{" · ".join(parts)}</p>\n', 1)
