"""The command `regrade`: grades one student's work again, for an appeal."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller_grading.commands.arguments import CourseFolder, Unsafe


def regrade(
    student: Annotated[str, typer.Argument(help="The student's id.")],
    lesson: Annotated[str, typer.Argument(help="The lesson; all that the student handed in if left out.")] = "",
    course: CourseFolder = Path(),
    unsafe: Unsafe = False,
) -> None:
    """Grade one student's work again, and say case by case what has changed. What came before is kept."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.autograde.autograde import GradingOptions
    from storyteller_grading.classroom.autograde.records import Records
    from storyteller_grading.classroom.autograde.regrade_diff import changes
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.commands.grading_progress import autograde_with_progress
    from storyteller_grading.paths import lesson_folder

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
