"""Canvas, as its sources have it, not tried at a running one.

Submissions: `lib/content_zipper.rb`. Grades: `lib/gradebook_importer.rb` finds a student by ID, then by SIS Login ID,
then by name. Feedback: `generate_comments_from_files` of `app/models/abstract_assignment.rb`, which knows a file by the
first two numbers between `_` in its name: the user's, and that of the file that was handed in.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from storyteller_grading.classroom.lms.system import Claim, Grades, Rows, System, format_points

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course

# lovelaceada_LATE_1001_77_notebook.ipynb: the name without spaces and signs, the user's id, the file's id. Years ago it
# was lovelace--ada-late_1001_77_notebook.ipynb. A number as in 01_notebook.ipynb is no id.
IDS = re.compile(r"(?=_(?P<user>[1-9][0-9]*)_[1-9][0-9]*_(?P<file>.+))", re.DOTALL)
NAME = re.compile(r"(?P<name>[\w-]*?)(?P<late>[_-]late)?", re.IGNORECASE)
NEVER = re.compile(r"_[0-9]+_")  # in a name: Canvas takes these out, for they would look like an id
MAX_CHARS = 600  # of a file's name


def read_path(folders: Sequence[str], file: str) -> Claim | None:
    """Canvas's zip has no folders. A name may look like an id, and a file's too: then there are several readings.

    >>> read_path([], "m_1001_1003_99_x.ipynb").user, read_path([], "m_1001_1003_99_x.ipynb").also[0].user
    ('1001', '1003')
    """
    if folders or len(file) > MAX_CHARS:
        return None
    # Vowels of Hindi and Thai are marks, which `\w` does not count among the letters.
    letters = "".join("x" if unicodedata.category(character)[0] == "M" else character for character in file)
    claims: list[Claim] = []
    for ids in IDS.finditer(letters):
        if not (match := NAME.fullmatch(letters, 0, ids.start())):
            break  # what goes on longer has this sign in it too
        name = file[: match.end("name")]
        if (match["late"] is None and name == "anon") or name.endswith("_anon"):  # a number that is not the user's
            return Claim((f"{name}_{ids['user']}",), file=file[ids.start("file") :])
        possible = () if claims and NEVER.search(name) else (name,)
        claims.append(Claim(possible, ids["user"], file=file[ids.start("file") :], late=bool(match["late"])))
    return replace(claims[0], also=tuple(claims[1:])) if claims else None


def feedback_path(came_as: str, page: str) -> str | None:
    """The notebook's own name with another ending, for Canvas looks for its numbers.

    >>> feedback_path("lovelaceada_LATE_1001_77_01_toys-1.ipynb", "01_toys_Ada-Lovelace_ada.html")
    'lovelaceada_LATE_1001_77_01_toys-1.html'
    """
    if "/" in came_as or read_path([], came_as) is None:
        return None
    return f"{came_as.rpartition('.')[0] or came_as}.html"


def rows(course: "Course", grades: Grades, columns: Mapping[str, str]) -> Rows:
    """Canvas's own columns; the line below them says how many points there are. No grade is an empty cell."""
    titles = [columns.get(lesson, lesson) for lesson in grades.lessons]
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]
    yield ["    Points Possible", "", "", "", "", *map(format_points, grades.lessons.values())]
    for student, earned in grades.points:
        name = ", ".join(part for part in (student.last_name, student.first_name) if part) or student.id
        yield [name, student.lms_user_id, "", student.id, "", *grades.cells(earned)]


CANVAS = System(
    name="canvas",
    title="Canvas",
    rows=rows,
    read_path=read_path,
    feedback_path=feedback_path,
    feedback_place="Gradebook, the assignment's menu, Re-Upload Submissions",
)
