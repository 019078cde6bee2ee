"""The report of a class: one static page and, on wish, a table for a spreadsheet. The same records, the same bytes."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.export import harmless
from storyteller_grading.classroom.reports.report_page import report_page
from storyteller_grading.classroom.reports.statistics import Lesson, lesson_statistics


def write_report(course: Course, lessons: Sequence[str], out: Path, table: Path | None = None) -> Path:
    """Write the report of some lessons, of all that were graded if none is named.

    Raises:
        StorytellerError: nothing of them was graded.
    """
    with Records(course.records_file) as records:
        names = list(lessons) or records.lessons()
        found = [lesson_statistics(name, records.all_latest(name)) for name in names]
    found = [lesson for lesson in found if lesson.statuses]
    if not found:
        raise StorytellerError("Nothing was graded yet, so there is nothing to report: storyteller-grade autograde 01.")
    write_whole(out, report_page(found, course.students()))
    if table is not None:
        write_whole(table, points_table(found))
    return out


def points_table(lessons: Sequence[Lesson]) -> str:
    """The points by student, lesson and exercise, and the known mistake that was recognised, as CSV."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["student", "lesson", "status", "exercise", "points", "of", "extra_credit", "mistake"])
    for lesson in lessons:
        for student, status in lesson.statuses.items():
            for item in lesson.items:
                share = lesson.shares.get(student, {}).get(item.name)
                earned = "" if share is None else round(share * item.points)
                mistake = lesson.mistakes.get(student, {}).get(item.name, "")
                row = [harmless(student), lesson.name, status, item.name, earned, item.points]
                lines.writerow([*row, "yes" if item.bonus else "", mistake])
    return text.getvalue()
