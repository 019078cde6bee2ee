"""nbgrader's own csv. What students hand in lies in its exchange, which `intake/sources.py` reads."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.lms.system import Grades, Rows, System

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course


def rows(course: "Course", grades: Grades, columns: Mapping[str, str]) -> Rows:
    """What `nbgrader export` writes: its own exporter has written it, in points and under nbgrader's names.

    Raises:
        StorytellerError: a student's name has a comma or a line's end, which nbgrader's exporter does not quote.
    """
    from nbgrader.plugins import CsvExportPlugin

    from storyteller_grading.classroom.autograde.gradebook import reading_gradebook

    with tempfile.TemporaryDirectory() as place, reading_gradebook(course) as book:
        exporter = CsvExportPlugin()
        exporter.to, exporter.assignment = str(Path(place) / "grades.csv"), list(grades.lessons)
        exporter.export(book)
        table = [line.split(",") for line in Path(exporter.to).read_text().splitlines()]
    if torn := [row for row in table if len(row) != len(table[0])]:
        raise StorytellerError(
            f"nbgrader's exporter tears a name with a comma or a line's end in two: {','.join(torn[0])[:100]!r}. "
            "Mend it in roster.csv and grade again, or choose another --format."
        )
    return table


NBGRADER = System(name="nbgrader", title="nbgrader", rows=rows, encoding="utf-8")
