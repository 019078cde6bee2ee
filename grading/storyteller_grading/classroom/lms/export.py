"""Grades for elsewhere: a csv that Canvas imports, one that Moodle imports, and nbgrader's own.

All three take their points from nbgrader's gradebook, as `nbgrader export` does: points given by hand, extra credit and
late penalties count. Where nothing was handed in, Canvas gets an empty cell and Moodle a `-`: no grade, for both.

The forms were read in the LMSs' sources, not tried at a running one: Canvas's `lib/gradebook_importer.rb` finds a
student by ID, then by SIS Login ID, then by name; Moodle's `grade/import/csv` asks which column is which.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_grading.classroom.autograde.gradebook import open_gradebook
from storyteller_grading.classroom.course import Course, Student

MOODLE_MOST = 100  # Moodle's import refuses more, unless its site sets `unlimitedgrades`
NO_GRADE = "-"  # for Moodle, which may take an empty cell of a new column for 0
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute


@dataclass(frozen=True)
class Grades:
    """Who has how many points."""

    lessons: dict[str, float]  # each lesson with its most points
    points: list[tuple[Student, dict[str, float]]]  # by student; a lesson that was not handed in is missing
    waiting: list[str]  # "ada (01_data_preparation)": a written answer that nobody has looked at


@dataclass(frozen=True)
class Exported:
    """What was written."""

    file: Path
    students: int
    disarmed: list[str]  # texts that a spreadsheet would have computed, as they were
    waiting: list[str]
    above: list[str]  # students who have more than Moodle takes


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
        form: "canvas", "moodle" or "nbgrader".
        file: to write, or to replace.
        lessons: only these; all that the gradebook has if left out.
        columns: what a lesson is called in the LMS, such as "Data preparation (4711)"; its name if left out.
        percent: percent of a lesson's points in place of points; nbgrader's own stays as it is.

    Raises:
        StorytellerError: there is no gradebook or no such lesson, or the file cannot be written.
    """
    grades = read_grades(course, lessons)
    if percent:
        grades = _in_percent(grades)
    disarmed: list[str] = []
    if form == "nbgrader":
        rows: Iterable[Sequence[object]] = _nbgraders_own(course, grades.lessons)
    else:
        rows = {"canvas": _canvas, "moodle": _moodle}[form](grades, columns or {})
    text = _csv(rows, disarmed)
    # Excel takes a csv for UTF-8 only with this mark; Canvas and Moodle pass over it.
    write_whole(file, text.encode("utf-8" if form == "nbgrader" else "utf-8-sig"))
    above = [
        who.id for who, earned in grades.points if form == "moodle" and max(earned.values(), default=0) > MOODLE_MOST
    ]
    return Exported(file, len(grades.points), disarmed, grades.waiting, above)


def read_grades(course: Course, lessons: Sequence[str] = ()) -> Grades:
    """The points of a course's students, from nbgrader's gradebook.

    Raises:
        StorytellerError: there is no gradebook, or it does not know a lesson.
    """
    from nbgrader.api import MissingEntry

    if not (course.folder / "gradebook.db").is_file():
        raise StorytellerError(f"{course.folder} has no gradebook yet: run storyteller-grade autograde 01 first.")
    roster = {student.id: student for student in course.students()}
    with open_gradebook(course) as book:
        most = {one.name: float(one.max_score) for one in book.assignments if not lessons or one.name in lessons}
        if unknown := sorted(set(lessons) - set(most)):
            raise StorytellerError(f"The gradebook has no grades of {unknown[0]}: autograde it first.")
        points, waiting = [], []
        for one in sorted(book.students, key=lambda student: student.id):
            student = roster.get(one.id) or _known(one)
            earned = {}
            for lesson in sorted(most):
                try:
                    submission = book.find_submission(lesson, one.id)
                except MissingEntry:
                    continue
                earned[lesson] = max(0.0, submission.score - submission.late_submission_penalty)
                if submission.needs_manual_grade:
                    waiting.append(f"{one.id} ({lesson})")
            points.append((student, earned))
    return Grades(dict(sorted(most.items())), points, waiting)


def _in_percent(grades: Grades) -> Grades:
    """The same, with 100 as the most of every lesson."""
    points = [
        (who, {lesson: 100 * earned[lesson] / grades.lessons[lesson] for lesson in earned})
        for who, earned in grades.points
    ]
    return Grades(dict.fromkeys(grades.lessons, 100.0), points, grades.waiting)


def _known(student: Any) -> Student:
    """A student who is in the gradebook and not in the roster."""
    about = {name: getattr(student, name) or "" for name in ("first_name", "last_name", "email", "lms_user_id")}
    return Student(student.id, **about)


def _canvas(grades: Grades, columns: Mapping[str, str]) -> Iterable[Sequence[object]]:
    """Canvas's own columns; the line below them says how many points there are."""
    titles = [columns.get(lesson, lesson) for lesson in grades.lessons]
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]
    yield ["    Points Possible", "", "", "", "", *map(_number, grades.lessons.values())]
    for student, earned in grades.points:
        name = ", ".join(part for part in (student.last_name, student.first_name) if part) or student.id
        yield [name, student.lms_user_id, "", student.id, "", *_points(grades, earned)]


def _moodle(grades: Grades, columns: Mapping[str, str]) -> Iterable[Sequence[object]]:
    """Moodle asks which column is which: map "Email address" to useremail, or "ID number" to useridnumber."""
    titles = [columns.get(lesson, lesson) for lesson in grades.lessons]
    yield ["First name", "Surname", "ID number", "Email address", *titles]
    for student, earned in grades.points:
        about = (student.first_name, student.last_name, student.lms_user_id or student.id, student.email)
        yield [*about, *_points(grades, earned, NO_GRADE)]


def _points(grades: Grades, earned: Mapping[str, float], nothing: str = "") -> list[str]:
    return [_number(earned[lesson]) if lesson in earned else nothing for lesson in grades.lessons]


def _number(points: float) -> str:
    """85.0 is 85, and 84.5 stays."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def _csv(rows: Iterable[Sequence[object]], disarmed: list[str]) -> str:
    """The rows as text; what a spreadsheet would compute gets an apostrophe before it, and is noted."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_disarm(str(cell), disarmed) for cell in row])
    return table.getvalue()


def _disarm(cell: str, disarmed: list[str]) -> str:
    if (safe := harmless(cell)) != cell:
        disarmed.append(cell)
    return safe


def harmless(cell: str) -> str:
    """A cell that no spreadsheet computes: an apostrophe stands before what would begin a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) and cell != NO_GRADE else cell


def _nbgraders_own(course: Course, lessons: Iterable[str]) -> list[list[str]]:
    """What `nbgrader export` writes: its own exporter has written it.

    Raises:
        StorytellerError: a student's name has a comma or a line's end, which nbgrader's exporter does not quote.
    """
    from nbgrader.plugins import CsvExportPlugin

    with tempfile.TemporaryDirectory() as place, open_gradebook(course) as book:
        exporter = CsvExportPlugin()
        exporter.to, exporter.assignment = str(Path(place) / "grades.csv"), list(lessons)
        exporter.export(book)
        rows = [line.split(",") for line in Path(exporter.to).read_text().splitlines()]
    if torn := [row for row in rows if len(row) != len(rows[0])]:
        raise StorytellerError(
            f"nbgrader's exporter tears a name with a comma or a line's end in two: {','.join(torn[0])[:100]!r}. "
            "Mend it in roster.csv and grade again, or use --format canvas or moodle."
        )
    return rows
