"""The command `autograde`: grades what a class handed in for a lesson."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller_grading.commands.arguments import CourseFolder, LessonName, Students, Unsafe, split_names
from storyteller_grading.commands.console import print_names

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import Summary


def autograde(
    lesson: LessonName,
    course: CourseFolder = Path(),
    students: Students = "",
    only_new: Annotated[bool, typer.Option("--only-new", help="Nobody who was graded before.")] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Judges side by side; 0 for one a processor.")] = 0,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786.")] = "",
    unsafe: Unsafe = False,
) -> None:
    """Grade what a class handed in; what is graded already, and has not changed, is not graded again."""
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import GradingOptions
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.commands.grading_progress import autograde_with_progress
    from storyteller_grading.paths import lesson_folder

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    options = GradingOptions(
        students=split_names(students), only_new=only_new, jobs=jobs or processors, scheduler=scheduler, unsafe=unsafe
    )
    console, began = Console(highlight=False), time.perf_counter()
    summary = autograde_with_progress(Course.open(course), lesson_folder(lesson), options, console)
    print_summary(summary, time.perf_counter() - began, console)
    raise typer.Exit(1 if summary.count("failed") else 0)


def print_summary(summary: "Summary", seconds: float, console: "Console") -> None:
    """How many were graded with which points, and by name those who need somebody to look."""
    graded = [outcome for outcome in summary.outcomes if outcome.status == "graded"]
    if graded:
        mean = sum(outcome.data["earned"] for outcome in graded) / len(graded)
        total, each = graded[0].data["points"], seconds / len(summary.outcomes)
        took = f"{len(graded)} graded in {seconds:.0f} s ({each:.1f} s each)"
        console.print(f"{took}: {mean:.1f} of {total} points on average.")
    if summary.kept:
        console.print(f"{summary.kept} had been graded before and have not changed.")
    if not summary.outcomes:
        console.print(f"Nothing of {summary.lesson} is new.")
    unreadable, failed = (
        [
            f"{outcome.student} ({outcome.failure or outcome.data['fault']})"
            for outcome in summary.outcomes
            if outcome.status == status
        ]
        for status in ("unreadable", "failed")
    )
    print_names(unreadable, "could not be read and have 0 points", console)
    print_names(failed, "FAILED by a fault of the grader's and have no new grade; run the command again", console)
    print_names(summary.missing, "of the roster handed in nothing", console)
    print_names(summary.passed_over, "in submitted/ are no student's folder and were passed over", console)
