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
from storyteller_grading.classroom.autograde.grade_task import Task, TaskOutcome, grading_key
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.parallel_judges import grade_in_processes, grade_on_cluster
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import UNTIMED, Course, Submission, course_lock
from storyteller_grading.judge.hidden_seeds import DRAWS
from storyteller_grading.judge.notebooks import Unreadable, contents
from storyteller_grading.judge.sandbox.namespaces import check_hidden
from storyteller_grading.judge.sandbox.probe import examine
from storyteller_grading.judge.worker_client import NO_SANDBOX


@dataclass
class Summary:
    """What came of grading a class."""

    lesson: str
    kept: int = 0  # submissions that had been graded before
    missing: list[str] = field(default_factory=list)  # students of the roster who handed in nothing
    strangers: list[str] = field(default_factory=list)  # who handed in and is not on the roster
    not_taken: list[str] = field(default_factory=list)  # students whose work `collect` did not take, and why
    nobodys: int = 0  # notebooks of the lesson that `collect` put aside, for it does not know whose they are
    untimed: list[str] = field(default_factory=list)  # students whose timestamp.txt holds no time, and what it holds
    passed_over: list[str] = field(default_factory=list)  # names in `submitted` that are no student's folder
    outcomes: list[TaskOutcome] = field(default_factory=list)  # in the order in which they came
    not_booked: dict[str, str] = field(default_factory=dict)  # students whose grade is in records.db alone, and why

    def count(self, status: str) -> int:
        """How many of the outcomes have this status."""
        return sum(outcome.status == status for outcome in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class GradingOptions:
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
    options: GradingOptions,
    *,
    begin: Callable[[int], None] = lambda total: None,
    step: Callable[[TaskOutcome], None] = lambda outcome: None,
) -> Summary:
    """Grade what was handed in for a lesson.

    Args:
        course: the class.
        folder: the lesson's.
        options: what to grade, and how.
        begin: called with how many submissions there are to grade.
        step: called with each outcome once it is safe in the records.

    Raises:
        StorytellerError: there is nothing to grade, no sandbox holds, a file cannot be used, or another autograde runs
            in this course.
    """
    # Before anything is begun: a machine without a sandbox grades nobody. A cluster's machines see for themselves.
    if not options.unsafe and not options.scheduler and not examine().layers.hold:
        raise StorytellerError(NO_SANDBOX)
    check_hidden([course.folder])
    lesson, secret = load_lesson(folder), course.secret()
    key = grading_key(folder, secret, options.draws)
    submissions = chosen_submissions(course, lesson.name, options.students)
    summary = Summary(lesson.name)
    summary.untimed = [f"{one.student} ({one.untimed!r})" for one in submissions if one.untimed]
    if not options.students:
        roster, there = {student.id for student in course.students()}, {one.student for one in submissions}
        summary.strangers, nothing_there = sorted(there - roster), roster - there
        refused = course.not_taken(lesson.name)
        summary.not_taken = [f"{student} ({refused[student]})" for student in nothing_there & refused.keys()]
        summary.missing = sorted(nothing_there - refused.keys())
        summary.nobodys = len(course.unmatched(lesson.name))
        summary.passed_over = course.passed_over()
    with (
        course_lock(course),
        Records(course.records_file) as records,
        LessonBook(course, lesson.name, lesson.notebook) as book,
    ):
        todo = [submission for submission in submissions if not is_done(submission, lesson, records, key, options)]
        summary.kept = len(submissions) - len(todo)
        by_student = {submission.student: submission for submission in todo}
        reconcile(course, lesson.name, records, book, summary)
        begin(len(todo))
        tasks = (_task(submission, lesson, secret, key, options) for submission in todo)
        with closing(graded_tasks(tasks, options)) as outcomes:  # so that judges end with us, also after an error
            for outcome in outcomes:
                records.put(outcome, by_student[outcome.student].submitted_at)
                reconcile(course, lesson.name, records, book, summary, [outcome.student])
                summary.outcomes.append(outcome)
                step(outcome)
        book.settle_names()
        book.settle_lateness()
    return summary


def chosen_submissions(course: Course, lesson: str, students: Collection[str]) -> list[Submission]:
    """The submissions of these students; of everybody where none are named.

    Raises:
        StorytellerError: one of them, or nobody at all, has handed in anything.
    """
    submissions = course.submissions(lesson)
    missing = set(students) - {submission.student for submission in submissions}
    if missing:
        raise StorytellerError(f"Nothing of {', '.join(sorted(missing))} lies in {course.submitted} for {lesson}.")
    if not submissions:
        if refused := course.not_taken(lesson):
            raise StorytellerError(
                f"There is nothing to grade: collect took nothing of {', '.join(sorted(refused))}. Its summary says "
                f"why, and {course.not_taken_file(lesson)}."
            )
        raise StorytellerError(
            f"Nothing was handed in: {course.submitted} has no STUDENT/{lesson}/{lesson}.ipynb; "
            "storyteller-grade collect puts them there."
        )
    return [submission for submission in submissions if not students or submission.student in students]


def graded_tasks(tasks: Iterator[Task], options: GradingOptions) -> Generator[TaskOutcome]:
    """The outcomes of tasks, from a cluster or from this machine's judges, in the order in which they are done."""
    if options.scheduler:
        return grade_on_cluster(options.scheduler, tasks)
    return grade_in_processes(tasks, jobs=options.jobs)


def reconcile(
    course: Course,
    lesson: str,
    records: Records,
    book: LessonBook,
    summary: Summary,
    students: Collection[str] | None = None,
) -> None:
    """Bring gradebook and notebooks up to what the records say; all students where none are named.

    What goes wrong with one student's text is noted in the summary; what is wrong with a file of the course stops all.
    """
    if students is None:
        latest: list[Record | None] = [*records.all_latest(lesson)]
    else:
        latest = [records.latest(lesson, student) for student in students]
    for record in latest:
        if record is None or record.status == "failed":
            continue
        try:
            _reconcile(course, lesson, records, book, record)
        except (StorytellerError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  what one student handed in must not stop the class
            summary.not_booked[record.student] = f"{type(error).__name__}: {str(error)[:200]}"


def _reconcile(course: Course, lesson: str, records: Records, book: LessonBook, record: Record) -> None:
    place = course.autograded / record.student / lesson
    if (place / f"{lesson}.ipynb").is_file() and book.has(record):
        return
    write_rebuilt(place, lesson, rebuilt(book.release, record), record.submitted_at)
    booked = [earlier for earlier in records.history(lesson, record.student) if earlier.booked]
    book.book(record, booked[-1] if booked else None)
    records.book(record)


def is_done(submission: Submission, lesson: Lesson, records: Records, key: str, options: GradingOptions) -> bool:
    """Need this submission not be graded? When it was only handed in at another time, that is noted."""
    if options.again:
        return False
    last = records.latest(lesson.name, submission.student)
    if last is None or last.status == "failed":
        return False
    if options.only_new:
        return True
    sha256 = _task(submission, lesson, "", key, options).sha256
    if not records.done(lesson.name, submission.student, sha256, key):
        return False
    if (UNTIMED in last.data["notes"]) != bool(submission.untimed):  # the page says something else then
        return False
    if last.submitted_at != submission.submitted_at:
        records.hand_in(last, submission.submitted_at)
    return True


def _task(submission: Submission, lesson: Lesson, secret: str, key: str, options: GradingOptions) -> Task:
    """What a judge gets for a submission; what cannot be read is told as its fault."""
    fault, content = submission.fault, b""
    try:
        content = b"" if fault else contents(submission.notebook)
    except Unreadable as error:
        fault = str(error)
    except Exception as error:  # noqa: BLE001  what one student handed in must not stop the class
        fault = f"{submission.notebook.name} could not be read ({type(error).__name__}: {str(error)[:200]})."
    return Task(
        lesson=str(lesson.folder),
        student=submission.student,
        name=submission.notebook.name,
        notebook=content,
        secret=secret,
        draws=options.draws,
        notes=submission.notes,
        key=key,
        unsafe=options.unsafe,
        fault=fault,
    )
