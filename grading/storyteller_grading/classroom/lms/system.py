"""What there is to know of a learning management system."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.roster import Student

Rows = Iterable[Sequence[object]]


@dataclass(frozen=True)
class Claim:
    """What a file's name says of it."""

    names: tuple[str, ...]  # each may be a student's id, address or name; the first that fits counts
    user: str = ""  # the LMS's id of its user, which the roster may have
    number: str = ""  # the LMS's number of its user in this assignment alone
    file: str = ""  # the name that the student gave the file
    late: bool = False
    submitted_at: datetime | None = None
    untimed: str = ""  # what stands where the time should, and is none
    also: tuple["Claim", ...] = ()  # the other ways to read the same name


@dataclass(frozen=True)
class Grades:
    """Who has how many points."""

    lessons: dict[str, float]  # each lesson with its most points
    points: list[tuple["Student", dict[str, float]]]  # by student; a lesson that was not handed in is missing
    waiting: list[str]  # "ada (01_data_preparation)": a written answer that nobody has looked at
    late: list[str] = field(default_factory=list)  # likewise, with the points that lateness cost

    def cells(self, earned: Mapping[str, float], *, no_grade: str = "") -> list[str]:
        """A student's points, lesson by lesson; `no_grade` where nothing was handed in."""
        return [format_points(earned[lesson]) if lesson in earned else no_grade for lesson in self.lessons]


@dataclass(frozen=True)
class Limit:
    """What an import refuses."""

    points: float  # in a lesson; it takes these, and no more
    unless: str  # how it takes more, such as "unless its site sets unlimitedgrades"


@dataclass(frozen=True, kw_only=True)
class System:
    """A learning management system, or a program that takes grades as one does.

    The parts that have a default are those that not every system has.
    """

    name: str  # for `--format`, and in the file's name: grades-NAME.csv
    title: str  # as people write it
    rows: Callable[["Course", Grades, Mapping[str, str]], Rows]  # the csv; last come the lessons' names in the LMS
    encoding: str = "utf-8-sig"  # Excel takes a csv for UTF-8 only with this mark; Canvas and Moodle pass over it
    limit: Limit | None = None

    # What a path in its zip of submissions says: folders (from the outermost) and file; None for another form.
    read_path: Callable[[Sequence[str], str], Claim | None] | None = None
    # Where a page for a student goes in the zip with which its "upload feedback" is fed: of the path under which the
    # student's notebook came out of its zip of submissions, and the page's name; None for a path of another form.
    feedback_path: Callable[[str, str], str | None] | None = None
    # Where such a zip is uploaded, for people.
    feedback_place: str = ""
    # Is a folder one student's by its name, so that it is not taken for one around all students?
    is_student_folder: Callable[[str], bool] = lambda name: False


def format_points(points: float) -> str:
    """Points without a needless fraction.

    >>> format_points(85.0), format_points(84.5)
    ('85', '84.5')
    """
    return f"{points:.2f}".rstrip("0").rstrip(".")
