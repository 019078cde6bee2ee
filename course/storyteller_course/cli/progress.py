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
    from storyteller_course import load_lesson
    from storyteller_course.capstone.roles import ROLE_OF, whose
    from storyteller_course.notebook import workspace
    from storyteller_course.notebook.check import progress_text
    from storyteller_course.notebook.progress_store import ProgressStore, Standing

    folder = workspace.find_work(work)
    lessons = workspace.lessons_in(folder)
    if not lessons:
        raise StorytellerError(f"There are no lessons in {folder}; storyteller lab puts them there.")
    chosen = [workspace.find_lesson(lessons, lesson)] if lesson else lessons
    standings: dict[str, Standing] = {}
    for number, folder_of_lesson in enumerate(chosen):
        loaded = load_lesson(folder_of_lesson)
        store = ProgressStore.find(folder_of_lesson)
        summary = store.summary(loaded)
        standings |= {standing.name: standing for standing in summary}
        print(("\n" if number else "") + progress_text(loaded, summary, store.predictions(loaded.name)))
    if not lesson and standings.keys() & ROLE_OF.keys():
        print("\n" + whose(standings))
