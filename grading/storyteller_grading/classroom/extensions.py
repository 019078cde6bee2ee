"""Gives a student more time: in `extensions.csv`, and in nbgrader's gradebook where the work is graded already."""

from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.builder.lesson_folders import lesson_folder
from storyteller_grading.classroom.autograde.gradebook import LessonBook, ManualGrades, read_manual_grades
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.course import Course, course_lock
from storyteller_grading.classroom.lateness import read_extensions, span, write_extensions
from storyteller_grading.classroom.lms.system import format_points
from storyteller_grading.classroom.roster import is_student_id


def give_more_time(course: Course, student: str, folder: Path | None, days: float) -> list[str]:
    """Write an extension down and enter it where the student was graded; gives a sentence for each lesson.

    Args:
        course: the class.
        student: the id.
        folder: the lesson's; every lesson without an extension of its own where there is none.
        days: more than the class has; 0 takes the extension back.

    Raises:
        StorytellerError: the roster has no such student, or a file cannot be used.
    """
    roster = [one.id for one in course.students()]
    if student not in roster and (roster or not is_student_id(student) or not (course.submitted / student).is_dir()):
        raise StorytellerError(f"{course.roster_file} has no student {student!r}; give the id that stands there.")
    with course.writing(), course_lock(course):
        lesson = folder.name if folder else ""
        write_extensions(course, read_extensions(course) | {(student, lesson): days})
        where = lesson or "every lesson without an extension of its own"
        said = [f"{student}: {days:g} day{'s' * (days != 1)} more in {where}."]
        if not course.records_file.exists():
            return said
        with Records(course.records_file) as records:
            graded = [name for name in records.lessons() if name == lesson or not lesson]
            graded = [name for name in graded if records.latest(name, student)]
        for name in graded:
            with LessonBook(course, name, (folder or lesson_folder(name)) / f"{name}.ipynb") as book:
                book.settle_lateness()
            if manual := read_manual_grades(course, name).get(student):
                said.append(f"{name}: {standing(manual)}.")
    return said


def standing(manual: ManualGrades) -> str:
    """Is it late now, and what does that cost?"""
    if manual.due is None:
        return "no due date is set yet, and the extension counts from it once there is one"
    if not manual.seconds_late:
        return "on time now"
    penalty = f"{format_points(manual.penalty)} point{'s' * (manual.penalty != 1)} off"
    return f"{span(manual.seconds_late)} late now, {penalty if manual.penalty else 'which costs nothing'}"
