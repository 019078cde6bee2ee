"""The command `init`: makes the folder of a new course."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="COURSE", help="The new course's folder, such as moe-2026.")],
    name: Annotated[str, typer.Option(help="The course's id in nbgrader; the folder's name if left out.")] = "",
) -> None:
    """Make the folder of a new course: nbgrader's configuration, a secret, the lessons, a sample roster."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.course import make_course
    from storyteller_grading.paths import find_lessons, lessons_folder

    lessons = lessons_folder()
    solutions = [lessons.parent / "solutions" / f"{lesson.name}.ipynb" for lesson in find_lessons(lessons)]
    solutions = [path for path in solutions if path.is_file()]
    if not solutions:
        raise StorytellerError(
            f"{lessons.parent / 'solutions'} has no notebooks: build them with storyteller-grade build."
        )
    course = make_course(folder, solutions, name=name)
    print(f"{course.folder} has {len(solutions)} lessons. Next: put your students into {course.roster_file}.")
