"""Grades a lesson of a class: what was handed in goes to judges, what they find into records and gradebook.

    summary = autograde(course, folder, jobs=2)

Each outcome is written by this process alone, in an order that survives a kill at any moment: records.db first, then
the notebook for formgrader, then nbgrader's gradebook, then the note that it is there. Whoever runs it again begins
with what was left undone, and grades nothing twice.
"""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_grading.classroom.autograde.formgrader_notebooks import rebuilt, write_rebuilt
from storyteller_grading.classroom.autograde.grade_task import Outcome, Task, grading_key
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.process_pool import judged
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import Course, Submission
from storyteller_grading.classroom.lock import alone
from storyteller_grading.judge.hidden_seeds import DRAWS
from storyteller_grading.judge.sandbox.filesystem_view import check_hidden
from storyteller_grading.judge.submission import Unreadable, contents


@dataclass
class Summary:
    """What came of grading a class."""

    lesson: str
    kept: int = 0  # submissions that had been graded before
    missing: list[str] = field(default_factory=list)  # students of the roster who handed in nothing
    passed_over: list[str] = field(default_factory=list)  # names in `submitted` that are no student's folder
    outcomes: list[Outcome] = field(default_factory=list)  # in the order in which they came

    def count(self, status: str) -> int:
        """How many of the outcomes have this status."""
        return sum(outcome.status == status for outcome in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to grade, and how."""

    students: Collection[str] = ()  # all where empty
    only_new: bool = False  # nobody who was graded before
    again: bool = False  # also what has not changed
    jobs: int = 1
    scheduler: str = ""  # of a Dask cluster; a pool on this machine where empty
    draws: int = DRAWS
    unsafe: bool = False  # go on where no layer of the sandbox holds


def autograde(
    course: Course,
    folder: Path,
    wanted: Wanted,
    *,
    begin: Callable[[int], None] = lambda total: None,
    step: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Grade what was handed in for a lesson.

    Args:
        course: the class.
        folder: the lesson's.
        wanted: what to grade, and how.
        begin: told how many submissions there are to grade.
        step: told each outcome once it is safe in the records.

    Raises:
        StorytellerError: there is nothing to grade, no sandbox holds, a file cannot be used, or another autograde runs
            in this course.
    """
    _check_sandbox(wanted)
    check_hidden([course.folder])
    lesson, secret = load_lesson(folder), course.secret()
    key = grading_key(folder, secret, wanted.draws)
    submissions = _chosen(course, lesson.name, wanted.students)
    summary = Summary(lesson.name)
    if not wanted.students:
        summary.missing = sorted({one.id for one in course.students()} - {one.student for one in submissions})
        summary.passed_over = course.passed_over()
    with (
        alone(course),
        Records(course.records_file) as records,
        LessonBook(course, lesson.name, lesson.notebook) as book,
    ):
        todo = [one for one in submissions if not _is_done(one, lesson, records, key, wanted)]
        summary.kept = len(submissions) - len(todo)
        by_student = {one.student: one for one in todo}
        settle(course, lesson.name, records, book)
        begin(len(todo))
        tasks = (_task(one, lesson, secret, key, wanted) for one in todo)
        with closing(_judged(tasks, wanted)) as outcomes:  # so that judges end with us, also after an error
            for outcome in outcomes:
                records.put(outcome, by_student[outcome.student].submitted_at)
                settle(course, lesson.name, records, book, [outcome.student])
                summary.outcomes.append(outcome)
                step(outcome)
    return summary


def settle(
    course: Course, lesson: str, records: Records, book: LessonBook, students: Collection[str] | None = None
) -> None:
    """Bring gradebook and notebooks up to what the records say; all students where none are named."""
    latest = records.all_latest(lesson) if students is None else [records.latest(lesson, one) for one in students]
    for record in latest:
        if record is None or record.status == "failed":
            continue
        place = course.autograded / record.student / lesson
        there = (place / f"{lesson}.ipynb").is_file()
        if there and book.has(record):
            continue
        write_rebuilt(place, lesson, rebuilt(book.release, record), record.submitted_at)
        book.book(record, _booked_before(records, record))
        records.book(record)


def _booked_before(records: Records, record: Record) -> Record | None:
    """The record that the gradebook had last."""
    booked = [one for one in records.history(record.lesson, record.student) if one.booked]
    return booked[-1] if booked else None


def _is_done(one: Submission, lesson: Lesson, records: Records, key: str, wanted: Wanted) -> bool:
    """Need this submission not be graded? When it was only handed in at another time, that is noted."""
    if wanted.again:
        return False
    last = records.latest(lesson.name, one.student)
    if last is None or last.status == "failed":
        return False
    if wanted.only_new:
        return True
    sha256 = _task(one, lesson, "", key, wanted).sha256
    if not records.done(lesson.name, one.student, sha256, key):
        return False
    if last.submitted_at != one.submitted_at:
        records.hand_in(last, one.submitted_at)
    return True


def _task(one: Submission, lesson: Lesson, secret: str, key: str, wanted: Wanted) -> Task:
    """What a judge gets for a submission; what cannot be read is told as its fault."""
    fault, content = "", b""
    try:
        content = contents(one.notebook)
    except Unreadable as error:
        fault = str(error)
    return Task(
        lesson=str(lesson.folder),
        student=one.student,
        name=one.notebook.name,
        notebook=content,
        secret=secret,
        draws=wanted.draws,
        notes=one.notes,
        key=key,
        unsafe=wanted.unsafe,
        fault=fault,
    )


def _judged(tasks: Iterator[Task], wanted: Wanted) -> Generator[Outcome]:
    if wanted.scheduler:
        from storyteller_grading.classroom.autograde.dask_cluster import judged_on

        return judged_on(wanted.scheduler, tasks)
    return judged(tasks, jobs=wanted.jobs)


def _chosen(course: Course, lesson: str, students: Collection[str]) -> list[Submission]:
    """The submissions that are wanted."""
    found = course.submissions(lesson)
    missing = set(students) - {one.student for one in found}
    if missing:
        raise StorytellerError(f"Nothing of {', '.join(sorted(missing))} lies in {course.submitted} for {lesson}.")
    if not found:
        raise StorytellerError(
            f"Nothing was handed in: {course.submitted} has no STUDENT/{lesson}/{lesson}.ipynb; "
            "storyteller-grade collect puts them there."
        )
    return [one for one in found if not students or one.student in students]


def _check_sandbox(wanted: Wanted) -> None:
    """Before anything is begun: a machine without a sandbox grades nobody. A cluster's machines see for themselves."""
    from storyteller_grading.judge.sandbox.probe import examine
    from storyteller_grading.judge.worker_pool import UNSAFE

    if not wanted.unsafe and not wanted.scheduler and not examine().layers.hold:
        raise StorytellerError(UNSAFE)
