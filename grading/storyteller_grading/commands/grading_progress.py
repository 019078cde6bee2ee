"""Autograde behind a bar that says how long it will take; for the commands `autograde` and `regrade`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import GradingOptions, Summary
    from storyteller_grading.classroom.course import Course


def autograde_with_progress(course: "Course", folder: Path, options: "GradingOptions", console: "Console") -> "Summary":
    """Grade what was handed in for the lesson in a folder.

    Raises:
        StorytellerError: it was stopped with Ctrl-C, or `autograde` cannot grade.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.autograde.autograde import autograde

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(folder.name, total=None)
        try:
            return autograde(
                course,
                folder,
                options,
                begin=lambda total: progress.update(bar, total=total),
                step=lambda outcome: progress.advance(bar),
            )
        except KeyboardInterrupt:
            done = int(progress.tasks[0].completed)
            raise StorytellerError(
                f"Stopped: {done} submissions of {folder.name} were graded and are kept; the same command goes on "
                "with the others."
            ) from None
