"""The command `feedback`: a page for each student."""

from pathlib import Path

from storyteller_grading.commands.arguments import CourseFolder, LessonName, Students, split_names


def feedback(lesson: LessonName, course: CourseFolder = Path(), students: Students = "") -> None:
    """Write a page for each student, and an index of all; `nbgrader release_feedback` hands the pages out."""
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.feedback import write_feedback
    from storyteller_grading.paths import lesson_folder

    index, written = write_feedback(Course.open(course), lesson_folder(lesson).name, split_names(students))
    print(f"{len(written)} pages. The index: {index}")
