"""Grades for elsewhere: a csv in the form of a learning management system, or as nbgrader writes it.

All take their points from nbgrader's gradebook, as `nbgrader export` does: points given by hand, extra credit and late
penalties count.
"""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_grading.classroom.autograde.gradebook import late_seconds, reading_gradebook
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.registry import SYSTEMS
from storyteller_grading.classroom.lms.system import Grades, format_points
from storyteller_grading.classroom.roster import Student

FORMULA = ("=", "+", "-", "@")  # how a cell begins that a spreadsheet would compute


@dataclass(frozen=True)
class Exported:
    """What was written."""

    file: Path
    students: int
    disarmed: list[str]  # texts that a spreadsheet would have computed, as they were
    waiting: list[str]
    above: list[str]  # students who have more than the system takes
    late: list[str]  # "ada (01_data_preparation, 20 off)"
    strangers: list[str]  # students with a grade who are not on the roster


def export_grades(
    course: Course,
    form: str,
    file: Path,
    *,
    lessons: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    percent: bool = False,
) -> Exported:
    """Write the grades of a course as a csv, whole or not at all.

    Args:
        course: with a gradebook.
        form: the name of a system of the registry, such as "canvas".
        file: to write, or to replace.
        lessons: only these; all that the gradebook has if left out.
        columns: what a lesson is called in the LMS, such as "Data preparation (4711)"; its name if left out.
        percent: percent of a lesson's points in place of points; nbgrader's own stays as it is.

    Raises:
        StorytellerError: there is no gradebook, no such lesson or no grade, or the file cannot be written.
    """
    system, grades = SYSTEMS[form], read_grades(course, lessons)
    if not any(earned for _, earned in grades.points):
        wanted = ", ".join(grades.lessons) or "any lesson"
        raise StorytellerError(f"Nobody has a grade of {wanted} yet: storyteller-grade autograde comes first.")
    if percent:
        shares = [
            (student, {lesson: 100 * earned[lesson] / grades.lessons[lesson] for lesson in earned})
            for student, earned in grades.points
        ]
        grades = replace(grades, lessons=dict.fromkeys(grades.lessons, 100.0), points=shares)
    table, disarmed = io.StringIO(), []
    writer = csv.writer(table, lineterminator="\r\n")
    for row in system.rows(course, grades, columns or {}):
        cells = [str(cell) for cell in row]
        disarmed += [cell for cell in cells if harmless(cell) != cell]
        writer.writerow(map(harmless, cells))
    write_whole(file, table.getvalue().encode(system.encoding))
    most = system.limit.points if system.limit else float("inf")
    above = [student.id for student, earned in grades.points if max(earned.values(), default=0) > most]
    roster = {student.id for student in course.students()}
    strangers = [student.id for student, earned in grades.points if earned and student.id not in roster]
    return Exported(file, len(grades.points), disarmed, grades.waiting, above, grades.late, strangers)


def read_grades(course: Course, lessons: Sequence[str] = ()) -> Grades:
    """The points of a course's students, from nbgrader's gradebook.

    Raises:
        StorytellerError: there is no gradebook, it cannot be read, or it does not know a lesson.
    """
    from nbgrader.api import MissingEntry

    if not (course.folder / "gradebook.db").is_file():
        raise StorytellerError(f"{course.folder} has no gradebook yet: run storyteller-grade autograde 01 first.")
    roster = {student.id: student for student in course.students()}
    with reading_gradebook(course) as book:
        most = {
            assignment.name: float(assignment.max_score)
            for assignment in book.assignments
            if not lessons or assignment.name in lessons
        }
        if unknown := sorted(set(lessons) - set(most)):
            raise StorytellerError(f"The gradebook has no grades of {unknown[0]}: autograde it first.")
        points, waiting, late = [], [], []
        for entry in sorted(book.students, key=lambda student: student.id):
            fields = ("first_name", "last_name", "email", "lms_user_id")
            known = Student(entry.id, **{name: getattr(entry, name) or "" for name in fields})
            earned = {}
            for lesson in sorted(most):
                try:
                    submission = book.find_submission(lesson, entry.id)
                except MissingEntry:
                    continue
                earned[lesson] = max(0.0, submission.score - submission.late_submission_penalty)
                if late_seconds(submission):
                    cost = submission.late_submission_penalty
                    late.append(f"{entry.id} ({lesson}{f', {format_points(cost)} off' if cost else ''})")
                if submission.needs_manual_grade:
                    waiting.append(f"{entry.id} ({lesson})")
            points.append((roster.get(entry.id, known), earned))
    return Grades(dict(sorted(most.items())), points, waiting, late)


def harmless(cell: str) -> str:
    """A cell that no spreadsheet computes: an apostrophe stands before what would begin a formula.

    Spaces, tabs and line ends before the sign do not stop a spreadsheet, nor does its wide or small form.

    >>> harmless("=1+1"), harmless("＝1+1"), harmless("Ada"), harmless("-")
    ("'=1+1", "'＝1+1", 'Ada', '-')
    """
    begins = unicodedata.normalize("NFKC", cell).lstrip()
    alone = cell == "-"  # computes nothing, and is no grade for some systems
    return f"'{cell}" if begins.startswith(FORMULA) and not alone else cell
