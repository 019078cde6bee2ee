"""The command `release`: makes what students get of a lesson."""

from pathlib import Path

from storyteller_grading.commands.arguments import CourseFolder, LessonName


def release(lesson: LessonName, course: CourseFolder = Path()) -> None:
    """Make what students get of a lesson: a zip, and nbgrader's release; refused where it would tell an answer."""
    import tempfile

    from storyteller_grading.classroom.course import Course
    from storyteller_grading.paths import lesson_folder
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
