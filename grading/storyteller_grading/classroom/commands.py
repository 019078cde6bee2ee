"""The commands `autograde` and `regrade`; each imports what it needs inside its body."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import Summary, Wanted
    from storyteller_grading.classroom.autograde.grade_task import Outcome
    from storyteller_grading.classroom.course import Course

MOST_NAMED = 10  # students that a summary names
LONGEST_NAMED = 300  # characters of a student's name and trouble

CourseFolder = Annotated[Path, typer.Option("--course", help="The course's folder; the current one if left out.")]
LessonName = Annotated[str, typer.Argument(help="Number, name or folder of the lesson, such as 01.")]
Scheduler = Annotated[str, typer.Option(help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786.")]
Unsafe = Annotated[bool, typer.Option("--unsafe", help="Go on without a sandbox: only for code of people you trust.")]


def autograde(
    lesson: LessonName,
    course: CourseFolder = Path(),
    students: Annotated[str, typer.Option(help="Only these, such as ada,alan.")] = "",
    only_new: Annotated[bool, typer.Option("--only-new", help="Nobody who was graded before.")] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Judges side by side; 0 for one a processor.")] = 0,
    scheduler: Scheduler = "",
    unsafe: Unsafe = False,
) -> None:
    """Grade what a class handed in; what is graded already, and has not changed, is not graded again."""
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import Wanted
    from storyteller_grading.classroom.course import Course

    wanted = Wanted(
        students=names_in(students),
        only_new=only_new,
        jobs=jobs or _processors(),
        scheduler=scheduler,
        unsafe=unsafe,
    )
    console, began = Console(highlight=False), time.perf_counter()
    summary = _grade(Course.open(course), lesson, wanted, console)
    _tell(summary, time.perf_counter() - began, console)
    raise typer.Exit(1 if summary.count("failed") else 0)


def regrade(
    student: Annotated[str, typer.Argument(help="The student's id.")],
    lesson: Annotated[str, typer.Argument(help="The lesson; all that the student handed in if left out.")] = "",
    course: CourseFolder = Path(),
    unsafe: Unsafe = False,
) -> None:
    """Grade one student's work again, and say case by case what has changed. What came before is kept."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.autograde.autograde import Wanted
    from storyteller_grading.classroom.course import Course

    opened, console = Course.open(course), Console(highlight=False)
    lessons = [lesson] if lesson else _lessons_of(opened, student)
    if not lessons:
        raise StorytellerError(f"Nothing of {student} lies in {opened.submitted}; its folders are named by id.")
    failed = False
    for one in lessons:
        before = _latest(opened, one, student)
        summary = _grade(opened, one, Wanted(students=[student], again=True, unsafe=unsafe), console)
        outcome = summary.outcomes[0]
        failed = failed or outcome.status == "failed"
        _compare(before, outcome, console)
    raise typer.Exit(int(failed))


def names_in(text: str) -> list[str]:
    """The names of a list such as `ada, alan`."""
    return [name.strip() for name in text.split(",") if name.strip()]


def tell_names(names: list[str], said: str, console: "Console") -> None:
    """How many there are of a kind, and the first of them; names may come from students."""
    from storyteller_course.report.safe_repr import clean

    if names:
        more = ", ..." if len(names) > MOST_NAMED else ""
        shown = ", ".join(clean(name, LONGEST_NAMED) for name in sorted(names)[:MOST_NAMED])
        console.print(f"{len(names)} {said}: {shown}{more}", markup=False, soft_wrap=True)


def _grade(course: "Course", lesson: str, wanted: "Wanted", console: "Console") -> "Summary":
    """Autograde behind a bar that says how long it will take."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.autograde.autograde import autograde
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder

    folder = lesson_folder(lesson)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(folder.name, total=None)
        try:
            return autograde(
                course,
                folder,
                wanted,
                begin=lambda total: progress.update(bar, total=total),
                step=lambda outcome: progress.advance(bar),
            )
        except KeyboardInterrupt:
            done = int(progress.tasks[0].completed)
            raise StorytellerError(
                f"Stopped: {done} submissions of {folder.name} were graded and are kept; the same command goes on "
                "with the others."
            ) from None


def _tell(summary: "Summary", seconds: float, console: "Console") -> None:
    """The summary at the end."""
    graded = [one for one in summary.outcomes if one.status == "graded"]
    if graded:
        mean = sum(one.data["earned"] for one in graded) / len(graded)
        total, each = graded[0].data["points"], seconds / len(summary.outcomes)
        said = f"{len(graded)} graded in {seconds:.0f} s ({each:.1f} s each): {mean:.1f} of {total} points on average."
        console.print(said)
    if summary.kept:
        console.print(f"{summary.kept} had been graded before and have not changed.")
    if not summary.outcomes:
        console.print(f"Nothing of {summary.lesson} is new.")
    unreadable, failed = (
        [f"{one.student} ({one.failure or one.data['fault']})" for one in summary.outcomes if one.status == status]
        for status in ("unreadable", "failed")
    )
    tell_names(unreadable, "could not be read and have 0 points", console)
    tell_names(failed, "FAILED by a fault of the grader's and have no new grade; run the command again", console)
    tell_names(summary.missing, "of the roster handed in nothing", console)
    tell_names(summary.passed_over, "in submitted/ are no student's folder and were passed over", console)


def _compare(before: "Outcome | None", after: "Outcome", console: "Console") -> None:
    """What grading again has changed."""
    from storyteller_grading.classroom.autograde.regrade_diff import changes

    if after.status == "failed":
        console.print(f"{after.lesson}: FAILED ({after.failure}); what was there before counts.", markup=False)
        return
    for line in changes(before, after):
        console.print(line, markup=False, soft_wrap=True)


def _latest(course: "Course", lesson: str, student: str) -> "Outcome | None":
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.autograde.records import Records

    with Records(course.records_file) as records:
        return records.latest(lesson_folder(lesson).name, student)


def _lessons_of(course: "Course", student: str) -> list[str]:
    """The lessons for which something of a student's lies in `submitted`."""
    place = course.submitted / student
    return sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
