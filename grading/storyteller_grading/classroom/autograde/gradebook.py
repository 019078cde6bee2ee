"""nbgrader's gradebook, written through nbgrader's own API, so that formgrader, late penalties and export work.

A check's cell gets what the judge gave as its automatic score, a written answer waits for a person, and what a person
entered is never touched. nbgrader's `autograde`, which would run the students' code, is never needed.

`read_manual_grades` reads what the gradebook knows and the judge does not: what a person gave, and late penalties.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
from traitlets.config import Config

from storyteller.errors import StorytellerError
from storyteller.tracking.store import database_uri
from storyteller_course.notebook.source_digest import CHECK_CELL_SUFFIX
from storyteller_grading.classroom.autograde.grade_task import TaskOutcome
from storyteller_grading.classroom.autograde.records import Record
from storyteller_grading.classroom.course import CONFIG, Course
from storyteller_grading.classroom.lateness import extension_of, read_extensions
from storyteller_grading.classroom.lms.system import format_points

NO_ANSWER = "No response."  # nbgrader's own words
_log = logging.getLogger("storyteller.gradebook")
_log.setLevel(logging.ERROR)  # nbgrader warns of each late submission


class LessonBook:
    """One lesson of a course's gradebook; its assignment is made known to nbgrader where it was not.

    Args:
        course: whose gradebook.
        lesson: the lesson's name, which is the assignment's and the notebook's.
        notebook: the release, as it was handed out.

    Raises:
        StorytellerError: the gradebook is locked or damaged, the disk is full, or the release has other cells than
            the one under which submissions were graded before; in every method.
    """

    def __init__(self, course: Course, lesson: str, notebook: Path) -> None:
        self.course, self.lesson = course, lesson
        self.config = nbgrader_config(course)
        self.extensions = read_extensions(course)
        self.release = nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4)
        self.exercises = _cells(self.release, "check")
        self.written = _cells(self.release, "written")
        self.roster = {
            student.id: {name: text for name, text in asdict(student).items() if text and name != "id"}
            for student in course.students()
        }
        with self._plainly():
            self.gradebook = open_gradebook(course)
            self.gradebook.update_or_create_assignment(lesson)
            self._register_cells()

    def __enter__(self) -> "LessonBook":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gradebook.close()

    def has(self, record: Record) -> bool:
        """Does the gradebook have this record, with this time of handing in?"""
        from nbgrader.api import MissingEntry

        with self._plainly():
            try:
                submission = self.gradebook.find_submission(self.lesson, record.student)
            except MissingEntry:
                return False
            return record.booked and submission.timestamp == _naive(record.submitted_at)

    def book(self, record: Record, before: TaskOutcome | None) -> None:
        """Enter a record.

        Args:
            record: what the judge found.
            before: the record that was entered before it, if any. A written answer that is the same keeps its grade;
                another one waits for a person again.
        """
        same = {
            name
            for name in self.written.values()
            if before and before.written.get(name, "") == record.written.get(name, "")
        }
        with self._plainly():
            self.gradebook.update_or_create_student(record.student, **self.roster.get(record.student, {}))
            submission = self.gradebook.update_or_create_submission(
                self.lesson, record.student, timestamp=_naive(record.submitted_at)
            )
            notebook = self.gradebook.find_submission_notebook(self.lesson, self.lesson, record.student)
            earned = {exercise["name"]: exercise["earned"] for exercise in record.data["exercises"]}
            for grade in notebook.grades:
                if grade.name in self.exercises:
                    score = float(earned.get(self.exercises[grade.name], 0))
                    if grade.manual_score is None:
                        grade.needs_manual_grade = False
                    elif grade.auto_score != score:  # a person had overruled another score, and has to look again
                        grade.needs_manual_grade = True
                    grade.auto_score = score
                elif grade.name in self.written:
                    name = self.written[grade.name]
                    if record.written.get(name):
                        grade.auto_score = None
                        if name not in same or grade.manual_score is None:
                            grade.needs_manual_grade = True
                    else:  # nothing written is worth nothing, as in nbgrader
                        grade.auto_score = 0.0
                        grade.needs_manual_grade = grade.manual_score is not None and name not in same
            comments = automatic_comments(record)
            for comment in notebook.comments:
                comment.auto_comment = comments.get(comment.name)
            self.gradebook.db.commit()
            self._settle(submission, record.student)

    def overrule(self, student: str, exercise: str, points: float, comment: str = "") -> float:
        """Enter a person's points for an exercise, as formgrader does; gives those that counted before.

        Raises:
            StorytellerError: the gradebook has no such student or exercise.
        """
        from nbgrader.api import MissingEntry

        cell = next((name for name, one in self.exercises.items() if one == exercise), exercise)
        with self._plainly():
            try:
                grade = self.gradebook.find_grade(cell, self.lesson, self.lesson, student)
            except MissingEntry:
                raise StorytellerError(
                    f"The gradebook has no {exercise} of {student}: run storyteller-grade autograde "
                    f"{self.lesson[:2]} first."
                ) from None
            before = float(grade.score)
            grade.manual_score, grade.needs_manual_grade = points, False
            for remark in grade.notebook.comments:
                if comment and remark.name == exercise:
                    remark.manual_comment = "\n".join(filter(None, (remark.manual_comment, comment)))
            self.gradebook.db.commit()
            self._settle(self.gradebook.find_submission(self.lesson, student), student)
        return before

    def settle_names(self) -> None:
        """Bring the names of everybody who is graded up to `roster.csv`, which may have been mended since."""
        with self._plainly():
            for student in self.gradebook.students:
                known = self.roster.get(student.id, {})
                if any(getattr(student, name) != text for name, text in known.items()):
                    self.gradebook.update_or_create_student(student.id, **known)

    def settle_lateness(self) -> None:
        """Bring every submission's extension and penalty up to `extensions.csv`, due date and the rule of today."""
        from nbgrader.api import MissingEntry

        with self._plainly():
            try:
                submissions = self.gradebook.assignment_submissions(self.lesson)
            except MissingEntry:
                return
            for submission in submissions:
                self._settle(submission, submission.student.id)

    def _settle(self, submission: Any, student: str) -> None:
        from nbgrader.preprocessors import AssignLatePenalties

        extension = extension_of(self.extensions, student, self.lesson)
        if not submission.assignment.duedate:
            extension = timedelta()  # nbgrader fails on one where nothing is due
        if extension is not None and (submission.extension or timedelta()) != extension:
            submission.extension = extension or None
            self.gradebook.db.commit()
        if late_seconds(submission) > 0 or submission.late_submission_penalty:
            # By the plugin that the course's configuration names.
            empty = nbformat.v4.new_notebook()
            AssignLatePenalties(config=self.config, log=_log).preprocess(empty, self._resources(student))
            self.gradebook.db.expire_all()

    def _register_cells(self) -> None:
        """Tell nbgrader the release's cells, as its generate_assignment does."""
        from nbgrader.preprocessors import SaveCells

        try:
            SaveCells(log=_log).preprocess(self.release, self._resources())
        except RuntimeError as error:
            self.gradebook.close()
            raise StorytellerError(
                f"The cells of {self.lesson} have changed since submissions were graded ({error}): grade with the "
                "lesson as it was handed out, or begin a new course."
            ) from None

    def _resources(self, student: str = "") -> dict[str, Any]:
        about = {"notebook": self.lesson, "assignment": self.lesson, "student": student}
        return {"nbgrader": about | {"db_url": self.course.gradebook_url}}

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """What goes wrong with the file, in a sentence."""
        from nbgrader.api import InvalidEntry
        from sqlalchemy.exc import SAWarning, SQLAlchemyError

        tornado = logging.getLogger("tornado.application")  # to which nbgrader writes whole tracebacks
        tornado.disabled = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)  # of the order in which nbgrader adds a submission
                yield
        except (SQLAlchemyError, InvalidEntry) as error:  # nbgrader makes the second out of the first
            if hasattr(self, "gradebook"):
                self.gradebook.close()
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StorytellerError(
                f"The gradebook {self.course.folder / 'gradebook.db'} cannot be used ({reason}). Close other programs "
                "that have it open, and see that the disk has room; what was graded is kept in records.db, and the "
                "same command goes on from there."
            ) from error
        finally:
            tornado.disabled = False


def open_gradebook(course: Course) -> Any:
    """The course's gradebook, an `nbgrader.api.Gradebook`; made where there is none, whole or not at all.

    nbgrader asks the command `alembic` for the version of its tables; it lies beside this Python.
    """
    from nbgrader.api import Gradebook

    path = course.folder / "gradebook.db"
    if not path.exists():
        part = path.with_name(path.name + ".part")
        part.unlink(missing_ok=True)
        path_variable = os.environ.get("PATH")
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path_variable or os.defpath])
        try:
            Gradebook(database_uri(part)).close()
        finally:  # nbgrader's own `setenv` does not bring the old value back
            if path_variable is None:
                del os.environ["PATH"]
            else:
                os.environ["PATH"] = path_variable
        os.replace(part, path)
    named = nbgrader_config(course).get("CourseDirectory", {}).get("course_id")
    book = Gradebook.__new__(Gradebook)
    try:
        book.__init__(course.gradebook_url, named or "default_course")
    except BaseException:
        book.close()  # a locked or damaged file would stay open
        raise
    return book


@contextmanager
def reading_gradebook(course: Course) -> Iterator[Any]:
    """The course's gradebook, to be read; closed behind.

    Raises:
        StorytellerError: it is locked or damaged.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with open_gradebook(course) as book:
            yield book
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StorytellerError(
            f"The gradebook {course.folder / 'gradebook.db'} cannot be read ({reason}); close other programs that have "
            "it open, or restore it from your backup, and try again."
        ) from error


def nbgrader_config(course: Course) -> Config:
    """The course's nbgrader_config.py, as nbgrader reads it.

    Raises:
        StorytellerError: it cannot be run.
    """
    from traitlets.config.loader import PyFileConfigLoader

    try:
        return PyFileConfigLoader(CONFIG, path=str(course.folder)).load_config()
    except Exception as error:
        raise StorytellerError(
            f"{course.folder / CONFIG} cannot be run ({type(error).__name__}: {error}); mend it, or copy the one that "
            "storyteller-grade init makes."
        ) from error


def _cells(release: dict[str, Any], role: str) -> dict[str, str]:
    """The names of a role's exercises by the names that nbgrader has for their cells."""
    names = {}
    for cell in release["cells"]:
        ours, theirs = cell["metadata"].get("storyteller", {}), cell["metadata"].get("nbgrader")
        if theirs and ours.get("role") == role:
            names[theirs["grade_id"]] = ours["exercise"]
    return names


def automatic_comments(record: Record) -> dict[str, str]:
    """For formgrader, by the answer's cell: what is wrong, in the course's own words only, for it is shown as HTML."""
    comments = {name: NO_ANSWER for name, text in record.written.items() if not text}
    for exercise in record.data["exercises"]:
        failed = [case for case in exercise["cases"] if not case["passed"]]
        if record.status == "unreadable":
            comments[exercise["name"]] = "The notebook could not be read."
        elif failed:
            titles = "; ".join(case["title"] for case in failed)
            explained = next((f" {case['explanation']}" for case in failed if case["explanation"]), "")
            comments[exercise["name"]] = f"Not yet: {titles}.{explained}"
    return comments


def _naive(when: datetime | None) -> datetime | None:
    """As nbgrader keeps it: UTC, without saying so."""
    return when.astimezone(UTC).replace(tzinfo=None) if when else None


def late_seconds(submission: Any) -> float:
    """How late it came, its extension counted; 0 where there is no due date, which nbgrader cannot extend."""
    return float(submission.total_seconds_late) if submission.assignment.duedate else 0.0


@dataclass(frozen=True)
class ManualEntry:
    """One cell that a person has graded, will grade, or has commented."""

    name: str  # of the exercise or the written answer
    points: float  # 0 for a bonus exercise
    score: float | None  # None while it waits for a person
    extra: float = 0.0  # extra credit given by hand
    comment: str = ""
    overruled: float | None = None  # what a person gave for a check; it counts in place of the judge's points


@dataclass(frozen=True)
class ManualGrades:
    """One student's lesson in the gradebook."""

    score: float  # everything: automatic, by hand, extra credit and bonus, less the penalty
    points: float  # of the checks and the answer in words
    bonus: float = 0.0  # of the score, what came from bonus exercises, whose cells have 0 points
    penalty: float = 0.0
    seconds_late: float = 0.0
    seconds_more: float = 0.0  # of an extension
    due: datetime | None = None  # without the extension; UTC
    entries: tuple[ManualEntry, ...] = field(default_factory=tuple)

    @classmethod
    def read(cls, submission: Any) -> "ManualGrades":
        """What the gradebook has; of cells only those that a person has to do with."""
        entries = []
        for notebook in submission.notebooks:
            comments = {comment.name: comment.manual_comment or "" for comment in notebook.comments}
            for grade in sorted(notebook.grades, key=lambda grade: str(grade.name)):
                name = str(grade.name).removesuffix(CHECK_CELL_SUFFIX)  # a check's comment stands at its answer's cell
                comment, extra = comments.pop(name, ""), float(grade.extra_credit or 0)
                waits, written = bool(grade.needs_manual_grade), grade.cell.cell_type == "markdown"
                if written or waits or extra or comment or grade.manual_score is not None:
                    score = None if waits else float(grade.score)
                    overruled = None if written or grade.manual_score is None else float(grade.manual_score)
                    entries.append(ManualEntry(name, float(grade.max_score), score, extra, comment, overruled))
            entries += [ManualEntry(name, 0, None, comment=text) for name, text in sorted(comments.items()) if text]
        return cls(
            score=float(submission.score - submission.late_submission_penalty),
            points=float(submission.max_score),
            bonus=sum(
                float(grade.score)
                for notebook in submission.notebooks
                for grade in notebook.grades
                if not grade.max_score and grade.cell.cell_type == "code"
            ),
            penalty=float(submission.late_submission_penalty),
            seconds_late=late_seconds(submission),
            seconds_more=submission.extension.total_seconds() if submission.extension else 0.0,
            due=due.replace(tzinfo=UTC) if (due := submission.assignment.duedate) else None,
            entries=tuple(entries),
        )

    def __str__(self) -> str:
        plus = f" +{format_points(self.bonus)} bonus" if self.bonus else ""
        return f"{format_points(self.score - self.bonus)} of {format_points(self.points)} points{plus}"

    @property
    def overruled(self) -> dict[str, float]:
        """By exercise, what a person gave in place of the judge's points."""
        return {entry.name: entry.overruled for entry in self.entries if entry.overruled is not None}

    @property
    def waits(self) -> bool:
        """Is there something that a person has to grade?"""
        return any(entry.score is None and entry.points for entry in self.entries)


def read_manual_grades(course: Course, lesson: str) -> dict[str, ManualGrades]:
    """What the gradebook has for a lesson, by student; nothing where there is no gradebook yet.

    Raises:
        StorytellerError: the gradebook cannot be read.
    """
    from nbgrader.api import MissingEntry

    if not (course.folder / "gradebook.db").is_file():
        return {}
    with reading_gradebook(course) as book:
        try:
            submissions = book.assignment_submissions(lesson)
        except MissingEntry:
            return {}
        return {submission.student.id: ManualGrades.read(submission) for submission in submissions}
