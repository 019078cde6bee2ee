"""The command `collect`: puts what a class handed in where `autograde` looks for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller_grading.classroom.lms.registry import listed, titles
from storyteller_grading.commands.arguments import CourseFolder, LessonName
from storyteller_grading.commands.console import cleaned, print_names

if TYPE_CHECKING:
    from storyteller_grading.classroom.intake.place import Collected

SYSTEMS = listed(titles(with_submissions=True), "or")  # such as "Canvas or Moodle"


def collect(
    lesson: LessonName,
    source: Annotated[
        Path | None,
        typer.Argument(help=f"A folder, or the zip of {SYSTEMS}; nbgrader's exchange if left out."),
    ] = None,
    course: CourseFolder = Path(),
) -> None:
    """Put what a class handed in where autograde looks for it. Exit code 1: something is to be sorted out by hand."""
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.intake.collect import collect as collect_lesson
    from storyteller_grading.paths import lesson_folder

    opened = Course.open(course)
    collected = collect_lesson(opened, lesson_folder(lesson).name, source)
    print_collected(collected, opened.submitted)
    raise typer.Exit(int(collected.needs_a_look))


def print_collected(collected: "Collected", submitted: Path) -> None:
    """The summary. What needs a person has a line each."""
    from rich.console import Console

    console = Console(highlight=False)
    lists = (collected.new, collected.newer, collected.same, collected.older)
    counts = [
        f"{len(names)} {what}" for names, what in zip(lists, ("new", "newer", "unchanged"), strict=False) if names
    ]
    students = sum(map(len, lists))
    print(f"{collected.lesson}: {students} student{'s' * (students != 1)} ({', '.join(counts) or 'nothing new'}).")
    if collected.newer:
        print(f"What was there before lies in {submitted / '_before'}.")
    print_names(collected.older, "handed in something newer before, which stays", console)
    late = "are late, as the LMS says without telling when; for a penalty, write a timestamp.txt beside the notebook"
    print_names(collected.late, late, console)
    for note in collected.notes:
        print(cleaned(note).rstrip("."))
    if collected.others:
        print(f"{collected.others} other files are no notebooks of this lesson and were left.")
    for mark, files in (("NOT TAKEN", collected.refused), ("NOBODY'S", collected.unmatched)):
        for path, why in files.items():
            print(f"{mark}: {cleaned(path).rstrip('.')}: {cleaned(why).rstrip('.')}.")
    if collected.unmatched:
        print(
            f"Nobody's notebooks lie in {submitted / '_unmatched'}: move each to STUDENT/{collected.lesson}/, or mend "
            "roster.csv and collect again."
        )
