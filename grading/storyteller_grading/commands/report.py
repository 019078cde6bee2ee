"""The command `report`: a page about the class."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller_grading.commands.arguments import CourseFolder, LessonNames


def report(
    lessons: LessonNames = None,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; report.html in the course's folder if left out.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the points by student and exercise too.")] = None,
) -> None:
    """Write what there is to know of a class as one page: difficulty, mistakes, who is stuck where."""
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.class_report import write_report
    from storyteller_grading.paths import lesson_folder

    opened = Course.open(course)
    names = [lesson_folder(lesson).name for lesson in lessons or []]
    print(write_report(opened, names, out or opened.folder / "report.html", csv))
