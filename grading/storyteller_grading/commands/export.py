"""The command `export`: the grades for a learning management system, or for a spreadsheet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storyteller_grading.classroom.lms.registry import listed, names, titles
from storyteller_grading.commands.arguments import CourseFolder, LessonNames
from storyteller_grading.commands.console import print_names

if TYPE_CHECKING:
    Format = str
else:
    Format = Literal[*names()]  # what is in the registry

HELP = f"Write the grades of nbgrader's gradebook as a csv for {listed(titles(), 'or')}, or as nbgrader does."


def export(
    lessons: LessonNames = None,
    course: CourseFolder = Path(),
    form: Annotated[Format, typer.Option("--format", help="For whom it is.")] = "canvas",
    out: Annotated[
        Path | None, typer.Option(help="The file; grades-FORMAT.csv in the course's folder if left out.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help='What a lesson is called there, such as "01=Data preparation (4711)".')
    ] = None,
    percent: Annotated[
        bool, typer.Option("--percent", help=f"Percent in place of points, for {listed(titles(), 'and')}.")
    ] = False,
) -> None:
    """Write the grades of nbgrader's gradebook as a csv; `HELP` names for whom."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lms.grades_csv import export_grades
    from storyteller_grading.classroom.lms.registry import SYSTEMS
    from storyteller_grading.paths import lesson_folder

    opened, console = Course.open(course), Console(highlight=False)
    chosen = [lesson_folder(lesson).name for lesson in lessons or []]
    target = out or opened.folder / f"grades-{form}.csv"
    columns = {}
    for option in column or []:
        lesson, equals, title = option.partition("=")
        if not equals or not title.strip():
            raise StorytellerError(f'--column {option!r} is no such thing as "01=Data preparation (4711)".')
        columns[lesson_folder(lesson.strip()).name] = title.strip()
    done = export_grades(opened, form, target, lessons=chosen, columns=columns, percent=percent)
    console.print(f"{done.students} students: {done.file}", markup=False, soft_wrap=True)
    waiting = "have a written answer that waits for a person; they stand there without its points"
    print_names(done.waiting, waiting, console)
    print_names(done.disarmed, "would be computed by a spreadsheet and have an apostrophe before them now", console)
    if limit := SYSTEMS[form].limit:
        refused = f"have more than {limit.points:g} in a lesson, which {SYSTEMS[form].title} refuses {limit.unless}"
        way_out = "" if percent else "; --percent makes the most points of a lesson 100"
        print_names(done.above, refused + way_out, console)
