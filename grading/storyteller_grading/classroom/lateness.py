"""What lateness costs in a course, and who has more time: `extensions.csv` beside the roster.

    student,lesson,days
    ada,01_data_preparation,3
    alan,,2                      # in every lesson that has no line of its own

`storyteller-grade extend` writes the file, and it may be edited by hand. Grading brings nbgrader's gradebook up to it.
"""

import csv
import io
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_grading.classroom.roster import decoded, is_student_id, numbered_rows

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course

COLUMNS = ["student", "lesson", "days"]
MAX_DAYS = 366
NOTHING_OFF = "late work is marked as late, and nothing is taken off"

Extensions = dict[tuple[str, str], float]  # by student and lesson, days; an empty lesson stands for all


def read_extensions(course: "Course") -> Extensions:
    """Who has how many days more; nobody where there is no file.

    Raises:
        StorytellerError: it is no such csv; the message names the line.
    """
    file = course.extensions_file
    if not file.exists():
        return {}
    try:
        lines = numbered_rows(file, decoded(file, file.read_bytes()))
    except OSError as error:
        raise StorytellerError(f"{file} cannot be read ({error.strerror}): see to it that you may.") from None
    _, head = next(lines, (1, []))
    if [name.casefold() for name in head] != COLUMNS:
        raise StorytellerError(f"{file} must begin with the line {','.join(COLUMNS)}.")
    found: Extensions = {}
    for number, cells in lines:
        student, lesson, text = [*cells, "", ""][:3]
        days = parsed_days(text)
        if not is_student_id(student) or days is None:
            raise StorytellerError(
                f"{file}, line {number}, is no student, lesson and number of days from 0 to {MAX_DAYS}, such as "
                "ada,01_data_preparation,3."
            )
        if (student, lesson) in found:
            raise StorytellerError(f"{file}, line {number}, has {student} a second time for the same lesson.")
        found[student, lesson] = days
    return found


def write_extensions(course: "Course", extensions: Mapping[tuple[str, str], float]) -> None:
    """Write the file, whole or not at all."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows([COLUMNS, *([*key, f"{days:g}"] for key, days in sorted(extensions.items()))])
    write_whole(course.extensions_file, table.getvalue())


def parsed_days(text: str) -> float | None:
    """A number of days; None for any other text.

    >>> parsed_days("3"), parsed_days("0,5"), parsed_days("-1"), parsed_days("nan")
    (3.0, 0.5, None, None)
    """
    try:
        days = float(text.replace(",", "."))
    except ValueError:
        return None
    return days if math.isfinite(days) and 0 <= days <= MAX_DAYS else None


def extension_of(extensions: Mapping[tuple[str, str], float], student: str, lesson: str) -> timedelta | None:
    """How much more time a student has in a lesson; None where the file says nothing of it."""
    days = extensions.get((student, lesson), extensions.get((student, "")))
    return None if days is None else timedelta(days=days)


def due_text(when: datetime) -> str:
    """A due date, in UTC, for a page."""
    return when.strftime("%Y-%m-%d %H:%M UTC")


def late_rule(course: "Course") -> str:
    """What lateness costs by the course's nbgrader_config.py, as the rest of a sentence.

    Raises:
        StorytellerError: the configuration cannot be run.
    """
    from nbgrader.preprocessors import AssignLatePenalties
    from traitlets import TraitError

    from storyteller_grading.classroom.autograde.gradebook import nbgrader_config
    from storyteller_grading.classroom.late_penalty import LatePerDay

    try:
        assign = AssignLatePenalties(config=nbgrader_config(course))
        assign.init_plugin()
    except (TraitError, ImportError) as error:
        raise StorytellerError(f"The rule for late work in nbgrader_config.py cannot be used: {error}") from None
    plugin = assign.plugin_inst
    if isinstance(plugin, LatePerDay):
        if not plugin.points:
            return NOTHING_OFF
        grace = f", after {plugin.grace_minutes:g} minutes of grace" if plugin.grace_minutes else ""
        points = f"{plugin.points:g} point{'s' * (plugin.points != 1)}"
        return f"{points} off for each day begun after the due date{grace}, at most {plugin.most:g}"
    method = getattr(plugin, "penalty_method", "")
    if method in ("none", "zero"):
        return NOTHING_OFF if method == "none" else "late work has 0 points"
    return f"what {type(plugin).__name__} of nbgrader_config.py takes off"


def span(seconds: float) -> str:
    """A length of time in words.

    >>> span(90), span(7200), span(200_000), span(172_799)
    ('2 minutes', '2 hours', '2 days and 8 hours', '2 days')
    """
    if (minutes := max(1, round(seconds / 60))) < 60:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    days, hours = divmod(round(seconds / 3600), 24)
    parts = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((days, "day"), (hours, "hour")) if count]
    return " and ".join(parts)
