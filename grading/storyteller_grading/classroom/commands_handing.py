"""The command `collect`; it imports what it needs inside its body."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller_grading.classroom.commands import LONGEST_NAMED, CourseFolder, LessonName, tell_names

if TYPE_CHECKING:
    from storyteller_grading.classroom.intake.place import Collected


def collect(
    lesson: LessonName,
    source: Annotated[
        Path | None,
        typer.Argument(help="A folder, or the zip of Canvas or Moodle; nbgrader's exchange if left out."),
    ] = None,
    course: CourseFolder = Path(),
) -> None:
    """Put what a class handed in where autograde looks for it. Exit code 1: something is to be sorted out by hand."""
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.intake.collect import collect as collect_lesson

    opened = Course.open(course)
    collected = collect_lesson(opened, lesson_folder(lesson).name, source)
    _tell(collected, opened.submitted)
    raise typer.Exit(int(collected.needs_a_look))


def _tell(collected: "Collected", submitted: Path) -> None:
    """The summary. What needs a person has a line each; names come from students."""
    from rich.console import Console

    console = Console(highlight=False)
    print(_counts(collected))
    if collected.newer:
        print(f"What was there before lies in {submitted / '_before'}.")
    tell_names(collected.older, "handed in something newer before, which stays", console)
    late = "are late, as the LMS says without telling when; for a penalty, write a timestamp.txt beside the notebook"
    tell_names(collected.late, late, console)
    for note in collected.notes:
        print(_clean(note))
    if collected.others:
        print(f"{collected.others} other files are no notebooks of this lesson and were left.")
    for path, why in collected.refused.items():
        print(f"NOT TAKEN: {_clean(path)}: {_clean(why)}.")
    for path, why in collected.unmatched.items():
        print(f"NOBODY'S: {_clean(path)}: {_clean(why)}.")
    if collected.unmatched:
        print(
            f"Nobody's notebooks lie in {submitted / '_unmatched'}: move each to STUDENT/{collected.lesson}/, or mend "
            "roster.csv and collect again."
        )


def _counts(collected: "Collected") -> str:
    lists = (collected.new, collected.newer, collected.same, collected.older)
    said = [f"{len(names)} {what}" for names, what in zip(lists, ("new", "newer", "unchanged"), strict=False) if names]
    students = sum(map(len, lists))
    return f"{collected.lesson}: {students} student{'s' * (students != 1)} ({', '.join(said) or 'nothing new'})."


def _clean(text: str) -> str:
    from storyteller_course.report.safe_repr import clean

    return clean(text, LONGEST_NAMED).rstrip(".")
