"""The commands to and from a learning management system: `export`; each imports what it needs inside its body."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storyteller_grading.classroom.commands import CourseFolder, tell_names

if TYPE_CHECKING:
    from collections.abc import Sequence


def export(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="Numbers or names; all that were graded if left out.")
    ] = None,
    course: CourseFolder = Path(),
    form: Annotated[
        Literal["canvas", "moodle", "nbgrader"], typer.Option("--format", help="For whom it is.")
    ] = "canvas",
    out: Annotated[
        Path | None, typer.Option(help="The file; grades-FORMAT.csv in the course's folder if left out.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help='What a lesson is called there, such as "01=Data preparation (4711)".')
    ] = None,
    percent: Annotated[
        bool, typer.Option("--percent", help="Percent in place of points, for Canvas and Moodle.")
    ] = False,
) -> None:
    """Write the grades of nbgrader's gradebook as a csv for Canvas or Moodle, or as nbgrader does."""
    from rich.console import Console

    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lms.export import export_grades

    opened, console = Course.open(course), Console(highlight=False)
    names = [lesson_folder(lesson).name for lesson in lessons or []]
    target = out or opened.folder / f"grades-{form}.csv"
    done = export_grades(opened, form, target, lessons=names, columns=_titles(column or []), percent=percent)
    console.print(f"{done.students} students: {done.file}", markup=False, soft_wrap=True)
    tell_names(
        done.waiting, "have a written answer that waits for a person; they stand there without its points", console
    )
    tell_names(done.disarmed, "would be computed by a spreadsheet and have an apostrophe before them now", console)
    way_out = "" if percent else "; --percent makes the most points of a lesson 100"
    more = f"have more than 100 in a lesson, which Moodle refuses unless its site sets unlimitedgrades{way_out}"
    tell_names(done.above, more, console)


def _titles(columns: "Sequence[str]") -> dict[str, str]:
    """The lessons' names in the LMS, from `01=Data preparation (4711)`."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder

    titles = {}
    for one in columns:
        lesson, equals, title = one.partition("=")
        if not equals or not title.strip():
            raise StorytellerError(f'--column {one!r} is no such thing as "01=Data preparation (4711)".')
        titles[lesson_folder(lesson.strip()).name] = title.strip()
    return titles
