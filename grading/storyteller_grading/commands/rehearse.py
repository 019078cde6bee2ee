"""The command `rehearse`: a class that never was, to try everything out."""

from pathlib import Path
from typing import Annotated

import typer


def rehearse(
    course: Annotated[Path, typer.Argument(help="A course folder of its own, made by `storyteller-grade init`.")],
    students: Annotated[int, typer.Option(help="How many.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed, another class.")] = 1,
    lesson: Annotated[str, typer.Option(help="Number or name of the lesson.")] = "01",
) -> None:
    """Fill a course folder with a class that never was, to try everything out; plan.json says what each must get."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.rehearsal.rehearsal import set_due, write_class
    from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds
    from storyteller_grading.paths import lesson_folder

    opened, loaded = Course.open(course), load_lesson(lesson_folder(lesson))
    seeds = hidden_seeds(opened.secret(), DRAWS)
    people = write_class(opened, loaded, students=students, seed=seed, seeds=seeds)
    set_due(opened, loaded.name)
    print(f"{len(people)} students handed in {loaded.name}. Next: storyteller-grade autograde {loaded.name[:2]}")
