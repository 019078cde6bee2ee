"""Moodle, as its sources have it, not tried at a running one.

Submissions: `mod/assign/classes/downloader.php`; in older ones `download_submissions` in `mod/assign/locallib.php`.
Grades: `grade/import/csv` asks which column is which. Feedback: `mod/assign/feedback/file/importziplib.php`, which
knows a student by the number in the folder's name, or in the file's where there are no folders.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from storyteller_grading.classroom.lms.system import Claim, Grades, Limit, Rows, System

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course

# A folder `Ada Lovelace_123_assignsubmission_file`, in Moodle 3 with `_` at its end; or, without folders and before
# Moodle 3.1 always, a file that goes on with `_notebook.ipynb`. The number is of this assignment only. Moodle takes
# each `_` out of names, so the first number is its own; a program that unpacks may put one in the place of a space.
SUBMISSION = re.compile(r"(?P<name>.*?)_(?P<number>[0-9]+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL)
NO_GRADE = "-"  # an empty cell of a new column may become 0


def read_path(folders: Sequence[str], file: str) -> Claim | None:
    """Moodle's zip has a folder a student, or, where its site is set so, files alone."""
    if not (match := SUBMISSION.fullmatch(folders[0] if folders else file)):
        return None
    return Claim((match["name"],), number=match["number"], file=file if folders else match["file"] or file)


def feedback_path(came_as: str, page: str) -> str | None:
    """The page in the student's own folder; where the zip had none, under the beginning of the file's name.

    >>> feedback_path("Ada Lovelace_12_assignsubmission_file/01_toys.ipynb", "01_toys_Ada-Lovelace_ada.html")
    'Ada Lovelace_12_assignsubmission_file/01_toys_Ada-Lovelace_ada.html'
    >>> feedback_path("Ada Lovelace_12_assignsubmission_file_01_toys.ipynb", "01_toys_Ada-Lovelace_ada.html")
    'Ada Lovelace_12_assignsubmission_file_01_toys_Ada-Lovelace_ada.html'
    """
    first, slash, _ = came_as.partition("/")
    if not (match := SUBMISSION.fullmatch(first)):
        return None
    name = match["name"].replace("_", " ")  # one that unpacking has put there would be in the number's way
    return f"{name}_{match['number']}_assignsubmission_file{slash or '_'}{page}"


def rows(course: "Course", grades: Grades, columns: Mapping[str, str]) -> Rows:
    """Moodle asks which column is which: map "Email address" to useremail, or "ID number" to useridnumber."""
    titles = [columns.get(lesson, lesson) for lesson in grades.lessons]
    yield ["First name", "Surname", "ID number", "Email address", *titles]
    for student, earned in grades.points:
        about = (student.first_name, student.last_name, student.lms_user_id or student.id, student.email)
        yield [*about, *grades.cells(earned, no_grade=NO_GRADE)]


MOODLE = System(
    name="moodle",
    title="Moodle",
    rows=rows,
    limit=Limit(points=100, unless="unless its site sets unlimitedgrades"),
    read_path=read_path,
    is_student_folder=lambda name: "_assignsubmission_" in name,
    feedback_path=feedback_path,
    feedback_place="the assignment, Submissions, Actions, Upload multiple feedback files in a zip",
)
