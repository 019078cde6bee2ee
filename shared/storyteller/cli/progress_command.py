"""`storyteller progress`: what is solved, points, what comes next, and which parts of a storyteller are yours."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller.errors import StorytellerError


def progress(
    lesson: Annotated[str, typer.Argument(help="01, say; all lessons when left out")] = "",
    work: Annotated[Path | None, typer.Option(help="your folder of the lessons (./my-lessons)")] = None,
) -> None:
    """Show what you have solved, your points, what comes next, and which parts of the storyteller are yours."""
    from storyteller.course import load_lesson, workfolder
    from storyteller.course.capstone.catalogue import ROLE_OF, whose
    from storyteller.course.notebook import progress_text
    from storyteller.course.state import Standing, State

    folder = workfolder.find_work(work)
    lessons = workfolder.lessons_in(folder)
    if not lessons:
        raise StorytellerError(f"There are no lessons in {folder}; storyteller lab puts them there.")
    chosen = [workfolder.find_lesson(lessons, lesson)] if lesson else lessons
    standings: dict[str, Standing] = {}
    for number, one in enumerate(chosen):
        loaded = load_lesson(one)
        summary = State.find(one).summary(loaded)
        standings |= {standing.name: standing for standing in summary}
        print(("\n" if number else "") + progress_text(loaded, summary))
    if not lesson and standings.keys() & ROLE_OF.keys():
        print("\n" + whose(standings))
