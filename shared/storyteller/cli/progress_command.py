"""`storyteller progress`: what is solved, how many points that is, and what comes next."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller.errors import StorytellerError


def progress(
    lesson: Annotated[str, typer.Argument(help="01, say; all lessons when left out")] = "",
    work: Annotated[Path | None, typer.Option(help="your folder of the lessons (./my-lessons)")] = None,
) -> None:
    """Show what you have solved, your points, and what comes next."""
    from storyteller.course import load_lesson, workfolder
    from storyteller.course.notebook import progress_text
    from storyteller.course.state import State

    folder = workfolder.find_work(work)
    lessons = workfolder.lessons_in(folder)
    if not lessons:
        raise StorytellerError(f"There are no lessons in {folder}; storyteller lab puts them there.")
    chosen = [workfolder.find_lesson(lessons, lesson)] if lesson else lessons
    for number, one in enumerate(chosen):
        loaded = load_lesson(one)
        print(("\n" if number else "") + progress_text(loaded, State.find(one).summary(loaded)))
