"""Canvas, as its sources have it, not tried at a running one.

Submissions: `lib/content_zipper.rb`. Grades: `lib/gradebook_importer.rb` finds a student by ID, then by SIS Login ID,
then by name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from storyteller_grading.classroom.lms.system import Claim, Grades, Rows, System, format_points

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course

# lovelaceada_LATE_1001_77_notebook.ipynb: the name without a space, the user's id, the file's id.
SUBMISSION = re.compile(r"(?P<name>\w+?)(?P<late>_LATE)?_(?P<user>[0-9]+)_[0-9]+_(?P<file>.+)", re.DOTALL)


def read_path(folders: Sequence[str], file: str) -> Claim | None:
    """Canvas's zip has no folders."""
    if folders or not (match := SUBMISSION.fullmatch(file)):
        return None
    return Claim((match["name"],), match["user"], match["file"], bool(match["late"]))


def rows(course: "Course", grades: Grades, columns: Mapping[str, str]) -> Rows:
    """Canvas's own columns; the line below them says how many points there are. No grade is an empty cell."""
    titles = [columns.get(lesson, lesson) for lesson in grades.lessons]
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]
    yield ["    Points Possible", "", "", "", "", *map(format_points, grades.lessons.values())]
    for student, earned in grades.points:
        name = ", ".join(part for part in (student.last_name, student.first_name) if part) or student.id
        yield [name, student.lms_user_id, "", student.id, "", *grades.cells(earned)]


CANVAS = System(name="canvas", title="Canvas", rows=rows, read_path=read_path)
