"""The commands `feedback`, `report`, `similar` and `rehearse`; each imports what it needs inside its body."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller_grading.classroom.commands import CourseFolder, LessonName, names_in


def feedback(
    lesson: LessonName,
    course: CourseFolder = Path(),
    students: Annotated[str, typer.Option(help="Only these, such as ada,alan.")] = "",
) -> None:
    """Write a page for each student, and an index of all; `nbgrader release_feedback` hands the pages out."""
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.feedback import write_feedback

    index, written = write_feedback(Course.open(course), lesson_folder(lesson).name, names_in(students))
    print(f"{len(written)} pages. The index: {index}")


def report(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="Numbers or names; all that were graded if left out.")
    ] = None,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; report.html in the course's folder if left out.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the points by student and exercise too.")] = None,
) -> None:
    """Write what there is to know of a class as one page: difficulty, mistakes, who is stuck where."""
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.report import write_report

    opened = Course.open(course)
    names = [lesson_folder(lesson).name for lesson in lessons or []]
    print(write_report(opened, names, out or opened.folder / "report.html", csv))


def similar(
    lesson: LessonName,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; similar/LESSON.html if left out.")] = None,
    like: Annotated[float, typer.Option(min=0.05, max=1.0, help="The score from which a pair is shown.")] = 0.35,
) -> None:
    """Show which submissions have more in common than the course explains: evidence to look at, no verdict."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.similar_page import write_similar

    opened, found = Course.open(course), load_lesson(lesson_folder(lesson))
    page, pairs = write_similar(opened, found, out or opened.folder / "similar" / f"{found.name}.html", like=like)
    print(f"{pairs} pair{'s' * (pairs != 1)} to look at: {page}" if pairs else f"No pair has much in common: {page}")


def rehearse(
    course: Annotated[Path, typer.Argument(help="A course folder of its own, made by `storyteller-grade init`.")],
    students: Annotated[int, typer.Option(help="How many.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed, another class.")] = 1,
    lesson: Annotated[str, typer.Option(help="Number or name of the lesson.")] = "01",
) -> None:
    """Fill a course folder with a class that never was, to try everything out; plan.json says what each must get."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.rehearsal.rehearsal import rehearse as write_class
    from storyteller_grading.classroom.rehearsal.rehearsal import set_due
    from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds

    opened, found = Course.open(course), load_lesson(lesson_folder(lesson))
    seeds = hidden_seeds(opened.secret(), DRAWS)
    people = write_class(opened, found, students=students, seed=seed, seeds=seeds)
    set_due(opened, found.name)
    print(f"{len(people)} students handed in {found.name}. Next: storyteller-grade autograde {found.name[:2]}")
