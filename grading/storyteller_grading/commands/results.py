"""The commands after the grading of a class: `feedback`, `report`, `similar` and `export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storyteller_grading.classroom.lms.registry import listed, names, names_with_feedback, titles
from storyteller_grading.commands.conventions import (
    CourseFolder,
    LessonName,
    LessonNames,
    Students,
    print_names,
    split_names,
)

if TYPE_CHECKING:
    Format = str
    FeedbackFormat = str
else:
    Format = Literal[*names()]  # what is in the registry
    FeedbackFormat = Literal[*names_with_feedback()]

HELP = f"Write the grades of nbgrader's gradebook as a csv for {listed(titles(), 'or')}, or as nbgrader does."


def feedback(
    lesson: LessonName,
    course: CourseFolder = Path(),
    students: Students = "",
    pack: Annotated[
        FeedbackFormat | None,
        typer.Option("--zip", help="Pack the pages as well, into a zip that hands them out in this system."),
    ] = None,
) -> None:
    """Write a page for each student, and an index of all; `nbgrader release_feedback` or an LMS hands the pages out."""
    from rich.console import Console

    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lms.registry import SYSTEMS
    from storyteller_grading.classroom.reports.feedback import write_feedback
    from storyteller_grading.classroom.reports.give_back import pack_feedback

    opened, name = Course.open(course), lesson_folder(lesson).name
    index, written = write_feedback(opened, name, split_names(students))
    print(f"{len(written)} pages. The index: {index}")
    if pack:
        system = SYSTEMS[pack]
        packed = pack_feedback(opened, name, system, [record.student for record in written])
        print(f"{packed.pages} page{'s' * (packed.pages != 1)} for {system.title}: {packed.file}")
        print(f"Upload it there: {system.feedback_place}.")
        missing = f"did not hand in through {system.title} and are not in the zip; give them their pages yourself"
        print_names(packed.missing, missing, Console(highlight=False))


def report(
    lessons: LessonNames = None,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; report.html in the course's folder if left out.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the points by student and exercise too.")] = None,
) -> None:
    """Write what there is to know of a class as one page: how hard it was, mistakes, who is stuck where."""
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.class_report import write_report

    opened = Course.open(course)
    names = [lesson_folder(lesson).name for lesson in lessons or []]
    print(write_report(opened, names, out or opened.folder / "report.html", csv))


def similar(
    lesson: LessonName,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; similar/LESSON.html if left out.")] = None,
    like: Annotated[float, typer.Option(min=0.05, max=1.0, help="The score from which a pair is shown.")] = 0.35,
) -> None:
    """Show which submissions are alike, and which are the course's own text: evidence to look at, no verdict."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.similar import write_similar

    opened, loaded = Course.open(course), load_lesson(lesson_folder(lesson))
    page, found = write_similar(opened, loaded, out or opened.folder / "similar" / f"{loaded.name}.html", like=like)
    pairs, copies = len(found.pairs), len({one.student for one in found.of_the_course})
    said = f"{pairs} pair{'s' * (pairs != 1)} to look at" if pairs else "No pair has much in common"
    print(f"{said}, and {copies} of {found.compared} students have the course's own text: {page}")


def export(
    lessons: LessonNames = None,
    course: CourseFolder = Path(),
    form: Annotated[Format, typer.Option("--format", help="For whom it is.")] = "canvas",
    out: Annotated[
        Path | None, typer.Option(help="The file; grades-FORMAT.csv in the course's folder if left out.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help='What a lesson is called there, such as "01=Data preparation (4711)".')
    ] = None,
    percent: Annotated[
        bool, typer.Option("--percent", help=f"Percent in place of points, for {listed(titles(), 'and')}.")
    ] = False,
) -> None:
    """Write the grades of nbgrader's gradebook as a csv; `HELP` names for whom."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lms.grades_csv import export_grades
    from storyteller_grading.classroom.lms.registry import SYSTEMS

    opened, console = Course.open(course), Console(highlight=False)
    chosen = [lesson_folder(lesson).name for lesson in lessons or []]
    target = out or opened.folder / f"grades-{form}.csv"
    columns = {}
    for option in column or []:
        lesson, equals, title = option.partition("=")
        if not equals or not title.strip():
            raise StorytellerError(f'--column {option!r} is no such thing as "01=Data preparation (4711)".')
        columns[lesson_folder(lesson.strip()).name] = title.strip()
    done = export_grades(opened, form, target, lessons=chosen, columns=columns, percent=percent)
    console.print(f"{done.students} students: {done.file}", markup=False, soft_wrap=True)
    waiting = "have a written answer that waits for a person; they stand there without its points"
    print_names(done.waiting, waiting, console)
    print_names(done.disarmed, "would be computed by a spreadsheet and have an apostrophe before them now", console)
    if limit := SYSTEMS[form].limit:
        refused = f"have more than {limit.points:g} in a lesson, which {SYSTEMS[form].title} refuses {limit.unless}"
        way_out = "" if percent else "; --percent makes the most points of a lesson 100"
        print_names(done.above, refused + way_out, console)
