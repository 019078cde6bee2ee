"""The commands `init` and `release`; each imports what it needs inside its body."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller_grading.classroom.commands import CourseFolder, LessonName


def init(
    folder: Annotated[Path, typer.Argument(metavar="COURSE", help="The new course's folder, such as moe-2026.")],
    name: Annotated[str, typer.Option(help="The course's id in nbgrader; the folder's name if left out.")] = "",
) -> None:
    """Make the folder of a new course: nbgrader's configuration, a secret, the lessons, a sample roster."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.classroom.setup import make_course
    from storyteller_grading.paths import find_lessons, lessons_folder

    lessons = lessons_folder()
    solutions = [lessons.parent / "solutions" / f"{one.name}.ipynb" for one in find_lessons(lessons)]
    solutions = [path for path in solutions if path.is_file()]
    if not solutions:
        raise StorytellerError(
            f"{lessons.parent / 'solutions'} has no notebooks: build them with storyteller-grade build."
        )
    course = make_course(folder, solutions, name=name)
    print(f"{course.folder} has {len(solutions)} lessons. Next: put your students into {course.roster_file}.")


def release(lesson: LessonName, course: CourseFolder = Path()) -> None:
    """Make what students get of a lesson: a zip, and nbgrader's release; refused where it would tell an answer."""
    import tempfile

    from storyteller_grading.classroom.autograde.grade_task import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.release.handout import release_lesson
    from storyteller_grading.release.wheel import build_wheel, constraints_file

    opened, folder = Course.open(course), lesson_folder(lesson)
    with tempfile.TemporaryDirectory() as place:
        handout = release_lesson(opened, folder, build_wheel(Path(place)), constraints_file())
    print(
        f"{handout.bundle} ({handout.bundled / 1000:,.0f} kB, {handout.recorded / 1000:,.0f} kB of them for explaining "
        "mistakes) is for your students: put it where they can download it."
    )
    print(f"{handout.release} is for nbgrader's exchange: nbgrader release_assignment {folder.name}")
