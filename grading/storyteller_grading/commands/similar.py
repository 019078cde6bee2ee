"""The command `similar`: which submissions have much in common."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller_grading.commands.arguments import CourseFolder, LessonName


def similar(
    lesson: LessonName,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; similar/LESSON.html if left out.")] = None,
    like: Annotated[float, typer.Option(min=0.05, max=1.0, help="The score from which a pair is shown.")] = 0.35,
) -> None:
    """Show which submissions have more in common than the course explains: evidence to look at, no verdict."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.similar import write_similar
    from storyteller_grading.paths import lesson_folder

    opened, loaded = Course.open(course), load_lesson(lesson_folder(lesson))
    page, pairs = write_similar(opened, loaded, out or opened.folder / "similar" / f"{loaded.name}.html", like=like)
    print(f"{pairs} pair{'s' * (pairs != 1)} to look at: {page}" if pairs else f"No pair has much in common: {page}")
