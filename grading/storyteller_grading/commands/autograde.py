"""The commands that grade a class: `autograde`, and `regrade` for an appeal; both behind a bar."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller_grading.commands.conventions import (
    CourseFolder,
    LessonName,
    Students,
    Unsafe,
    print_names,
    split_names,
)

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import GradingOptions, Summary
    from storyteller_grading.classroom.course import Course


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

    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.autograde.autograde import GradingOptions
    from storyteller_grading.classroom.course import Course

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    options = GradingOptions(
        students=split_names(students), only_new=only_new, jobs=jobs or processors, scheduler=scheduler, unsafe=unsafe
    )
    console, began = Console(highlight=False), time.perf_counter()
    summary = autograde_with_progress(Course.open(course), lesson_folder(lesson), options, console)
    print_summary(summary, time.perf_counter() - began, console)
    raise typer.Exit(1 if summary.count("failed") or summary.untimed or summary.not_booked else 0)


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
    print_names(failed, "FAILED in the grader, also when tried again, and have no new grade", console)
    if failed:
        console.print(
            "The same command tries them once more. Where the same reason comes back, report it with the notebook, and "
            "grade by hand in formgrader meanwhile.",
            soft_wrap=True,
        )
    untimed = (
        "have a timestamp.txt without a time such as 2026-10-02 08:15:00 UTC and COUNT AS ON TIME; mend it, and run"
    )
    print_names(summary.untimed, f"{untimed} the command again", console)
    print_names(summary.not_taken, "handed in something that collect did not take", console)
    to_look_at = [
        f"{outcome.student} ({', '.join(exercise['name'] for exercise in found)})"
        for outcome in graded
        if (found := [exercise for exercise in outcome.data["exercises"] if exercise.get("reached")])
    ]
    why = "reach code of the course, or run text as code, in answers that earned points: `report` lists what they name"
    print_names(to_look_at, why, console)
    copied = [
        f"{outcome.student} ({', '.join(exercise['name'] for exercise in found)})"
        for outcome in graded
        if (found := [exercise for exercise in outcome.data["exercises"] if exercise.get("course_text")])
    ]
    print_names(copied, "have the course's own text in answers that earned points: `report` says whose", console)
    not_booked = [f"{student} ({why})" for student, why in summary.not_booked.items()]
    print_names(not_booked, "are graded in records.db and could NOT be entered in nbgrader's gradebook", console)
    print_names(summary.missing, "of the roster handed in nothing", console)
    if summary.nobodys:
        aside = f"{summary.nobodys} notebook{'s' * (summary.nobodys != 1)} of this lesson in submitted/_unmatched"
        console.print(f"{aside}: nobody knows whose; give each to its student.")
    print_names(summary.passed_over, "in submitted/ are no student's folder and were passed over", console)


def regrade(
    student: Annotated[str, typer.Argument(help="The student's id.")],
    lesson: Annotated[str, typer.Argument(help="The lesson; all that the student handed in if left out.")] = "",
    course: CourseFolder = Path(),
    unsafe: Unsafe = False,
) -> None:
    """Grade one student's work again, and say case by case what has changed. What came before is kept."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.autograde.autograde import GradingOptions
    from storyteller_grading.classroom.autograde.records import Records, changes
    from storyteller_grading.classroom.course import Course

    opened, console = Course.open(course), Console(highlight=False)
    place = opened.submitted / student
    handed_in = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    lessons = [lesson] if lesson else handed_in
    if not lessons:
        raise StorytellerError(f"Nothing of {student} lies in {opened.submitted}; its folders are named by id.")
    options = GradingOptions(students=[student], again=True, unsafe=unsafe)
    failed = False
    for name in lessons:
        folder = lesson_folder(name)
        with Records(opened.records_file) as records:
            before = records.latest(folder.name, student)
        after = autograde_with_progress(opened, folder, options, console).outcomes[0]
        if after.status == "failed":
            failed = True
            console.print(f"{after.lesson}: FAILED ({after.failure}); what was there before counts.", markup=False)
            continue
        for line in changes(before, after):
            console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(int(failed))


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
