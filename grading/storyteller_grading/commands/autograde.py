"""The commands that grade a class: `autograde`, and `regrade` for an appeal; both behind a bar."""

import getpass
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.commands.conventions import (
    NOT_ON_THE_ROSTER,
    CourseFolder,
    LessonName,
    Students,
    Unsafe,
    cleaned,
    print_names,
    progress_bar,
    split_names,
)

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller_grading.classroom.autograde.autograde import GradingOptions, Summary
    from storyteller_grading.classroom.autograde.records import Change
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.regrade_requests import Request


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

    from storyteller.utils.workers import available_cores
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.autograde.autograde import GradingOptions
    from storyteller_grading.classroom.course import Course

    options = GradingOptions(
        students=split_names(students),
        only_new=only_new,
        jobs=jobs or available_cores(),
        scheduler=scheduler,
        unsafe=unsafe,
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
        console.print(agreeing(summary.kept, f"{summary.kept} had been graded before and [has|have] not changed."))
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
    print_names(unreadable, "could not be read and [has|have] 0 points", console)
    print_names(failed, "FAILED in the grader, also when tried again, and [has|have] no new grade", console)
    if failed:
        console.print(
            "The same command tries them once more. Where the same reason comes back, report it with the notebook, and "
            "grade by hand in formgrader meanwhile.",
            soft_wrap=True,
        )
    untimed = (
        "[has|have] a timestamp.txt without a time such as 2026-10-02 08:15:00 UTC and [COUNTS|COUNT] AS ON TIME; "
        "mend it, and run"
    )
    print_names(summary.untimed, f"{untimed} the command again", console)
    print_names(summary.not_taken, "handed in something that collect did not take", console)
    to_look_at = [
        f"{outcome.student} ({', '.join(exercise['name'] for exercise in found)})"
        for outcome in graded
        if (found := [exercise for exercise in outcome.data["exercises"] if exercise.get("reached")])
    ]
    why = (
        "[reaches|reach] code of the course, or [runs|run] text as code, in answers that earned points: `report` lists "
        "what they name"
    )
    print_names(to_look_at, why, console)
    copied = [
        f"{outcome.student} ({', '.join(exercise['name'] for exercise in found)})"
        for outcome in graded
        if (found := [exercise for exercise in outcome.data["exercises"] if exercise.get("course_text")])
    ]
    print_names(copied, "[has|have] the course's own text in answers that earned points: `report` says whose", console)
    not_booked = [f"{student} ({why})" for student, why in summary.not_booked.items()]
    print_names(not_booked, "[is|are] graded in records.db and could NOT be entered in nbgrader's gradebook", console)
    print_names(summary.missing, "of the roster handed in nothing", console)
    print_names(summary.strangers, NOT_ON_THE_ROSTER, console)
    if summary.nobodys:
        aside = f"{summary.nobodys} notebook{'s' * (summary.nobodys != 1)} of this lesson in submitted/_unmatched"
        console.print(f"{aside}: nobody knows whose; give each to its student.")
    print_names(summary.passed_over, "in submitted/ [is|are] no student's folder and [was|were] passed over", console)


def regrade(
    student: Annotated[
        str, typer.Argument(metavar="STUDENT|TEXT", help="The student's id, or the text quoted from a student's page.")
    ],
    lesson: Annotated[str, typer.Argument(help="The lesson; all that the student handed in if left out.")] = "",
    give: Annotated[
        float | None, typer.Option(help="Points for the exercise of the quoted text, which overrule the judge's.")
    ] = None,
    why: Annotated[str, typer.Option(help="For the log; with --give also on the student's page.")] = "",
    who: Annotated[str, typer.Option("--by", help="Who decides, for the log; your login name if left out.")] = "",
    course: CourseFolder = Path(),
    unsafe: Unsafe = False,
) -> None:
    """Grade one student's work again, say case by case what has changed, and log it. What came before is kept."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.autograde.gradebook import LessonBook
    from storyteller_grading.classroom.autograde.records import Change, Records
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lms.system import format_points
    from storyteller_grading.classroom.regrade_requests import check_points, find_request, overrule
    from storyteller_grading.classroom.roster import is_student_id

    opened, console = Course.open(course), Console(highlight=False)
    request = find_request(opened, student) if "/" in student else None
    if give is not None and request is None:
        raise StorytellerError(
            "--give needs the text that a student's page has beside a case, such as "
            "01_data_preparation/count_pairs/ties/3f9ac210b7: it says which exercise gets the points."
        )
    if request:
        student, lesson = request.record.student, lesson or request.record.lesson
        if lesson_folder(lesson).name != request.record.lesson:
            raise StorytellerError(f"{request.quote} is a case of {request.record.lesson}, not of {lesson}.")
        if give is not None:
            check_points(request, give)
        console.print(about_request(request), markup=False, soft_wrap=True)
    elif not is_student_id(student):
        raise StorytellerError(f"{student!r} is no student's id, and no text quoted from a student's page.")
    place = opened.submitted / student
    handed_in = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    lessons = [lesson] if lesson else handed_in
    if not lessons:
        raise StorytellerError(f"Nothing of {student} lies in {opened.submitted}; its folders are named by id.")
    failed = False
    for name in lessons:
        folder = lesson_folder(name)
        log = Change(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            who=who or login_name(),
            student=student,
            lesson=folder.name,
            quote=request.quote if request else "",
            what="graded again",
            before="",
            after="",
            why=why,
        )
        failed = not grade_again(opened, folder, log, console, unsafe=unsafe) or failed
        if request and give is not None:
            with LessonBook(opened, folder.name, folder / f"{folder.name}.ipynb") as book:
                before, after = overrule(book, request, give, why)
            points = [agreeing(value, f"{format_points(value)} point[|s]") for value in (before, after)]
            what = f"{request.exercise} overruled"
            with Records(opened.records_file) as records:
                records.note_change(replace(log, what=what, before=points[0], after=points[1]))
            console.print(f"{what}: {' -> '.join(points)}. Write the page anew: feedback {name[:2]}", markup=False)
    raise typer.Exit(int(failed))


def login_name() -> str:
    """Who uses this machine.

    Raises:
        StorytellerError: the machine does not know.
    """
    from storyteller.errors import StorytellerError

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise StorytellerError("This machine does not know your name: say who decides with --by NAME.") from None


def about_request(request: "Request") -> str:
    """Whose case a quoted text means, and what came of it when it was graded."""
    case, record = request.case, request.record
    newer = "; the student has handed in another notebook since, and that one is graded now" if request.newer else ""
    points = f"{case['earned']} of {case['points']} points"
    reason = cleaned(case["explanation"] or case["message"])
    return (
        f"{record.student}, {record.lesson}, {request.exercise}, {case['title']}: {points}, graded "
        f"{record.graded_at:%Y-%m-%d %H:%M} UTC{newer}. {reason}"
    )


def grade_again(course: "Course", folder: Path, log: "Change", console: "Console", *, unsafe: bool) -> bool:
    """Grade a student's lesson again, print what has changed, and log it; False where the grader failed."""
    from storyteller_grading.classroom.autograde.autograde import GradingOptions
    from storyteller_grading.classroom.autograde.records import Records, changes

    options = GradingOptions(students=[log.student], again=True, unsafe=unsafe)
    with Records(course.records_file) as records:
        before = records.latest(folder.name, log.student)
    after = autograde_with_progress(course, folder, options, console).outcomes[0]
    was = agreeing(earned := before.data["earned"], f"{earned} point[|s]") if before and before.data else "not graded"
    now = "the grader failed"
    if after.status != "failed":
        now = agreeing(earned := after.data["earned"], f"{earned} point[|s]")
    with Records(course.records_file) as records:
        records.note_change(replace(log, before=was, after=now))
    if after.status == "failed":
        console.print(f"{after.lesson}: FAILED ({after.failure}); what was there before counts.", markup=False)
        return False
    for line in changes(before, after):
        console.print(line, markup=False, soft_wrap=True)
    return True


def autograde_with_progress(course: "Course", folder: Path, options: "GradingOptions", console: "Console") -> "Summary":
    """Grade what was handed in for the lesson in a folder.

    Raises:
        StorytellerError: it was stopped with Ctrl-C, or `autograde` cannot grade.
    """
    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.autograde.autograde import autograde

    with progress_bar(console) as progress:
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
            said = agreeing(
                done, f"Stopped: {done} submission[|s] of {folder.name} [was|were] graded and [is|are] kept"
            )
            raise StorytellerError(f"{said}; the same command goes on with the others.") from None
