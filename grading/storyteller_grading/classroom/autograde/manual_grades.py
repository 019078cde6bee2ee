"""What nbgrader's gradebook knows and the judge does not: grades and comments given by hand, and late penalties."""

from dataclasses import dataclass, field
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course


@dataclass(frozen=True)
class Entry:
    """One cell that a person has graded, will grade, or has commented."""

    name: str  # of the cell
    points: float
    score: float | None  # None while it waits for a person
    extra: float = 0.0  # extra credit given by hand
    comment: str = ""


@dataclass(frozen=True)
class ByHand:
    """One student's lesson in the gradebook."""

    score: float  # everything: automatic, by hand, extra credit, less the penalty
    points: float
    penalty: float = 0.0
    seconds_late: float = 0.0
    entries: tuple[Entry, ...] = field(default_factory=tuple)

    @property
    def waits(self) -> bool:
        """Is there something that a person has to grade?"""
        return any(one.score is None and one.points for one in self.entries)


def read_by_hand(course: Course, lesson: str) -> dict[str, ByHand]:
    """What the gradebook has for a lesson, by student; nothing where there is no gradebook yet.

    Raises:
        StorytellerError: the gradebook cannot be read.
    """
    from nbgrader.api import Gradebook, MissingEntry
    from sqlalchemy.exc import SQLAlchemyError

    if not (course.folder / "gradebook.db").is_file():
        return {}
    try:
        with Gradebook(course.gradebook_url) as book:
            return {one.student.id: _of(one) for one in book.assignment_submissions(lesson)}
    except MissingEntry:
        return {}
    except SQLAlchemyError as error:
        raise StorytellerError(
            f"The gradebook {course.folder / 'gradebook.db'} cannot be read ({type(error).__name__}); close other "
            "programs that have it open, and try again."
        ) from error


def _of(submission: Any) -> ByHand:
    entries = []
    for notebook in submission.notebooks:
        comments = {one.name: one.manual_comment or "" for one in notebook.comments}
        for grade in sorted(notebook.grades, key=lambda one: str(one.name)):
            entry = _entry(grade, comments.pop(grade.name, ""))
            entries += [entry] if entry else []
        entries += [Entry(name, 0, None, comment=text) for name, text in sorted(comments.items()) if text]
    return ByHand(
        score=float(submission.score - submission.late_submission_penalty),
        points=float(submission.max_score),
        penalty=float(submission.late_submission_penalty),
        seconds_late=float(submission.total_seconds_late),
        entries=tuple(entries),
    )


def _entry(grade: Any, comment: str) -> Entry | None:
    """A cell that a person has to do with; None for one that the judge alone has graded."""
    extra = float(grade.extra_credit or 0)
    waits = bool(grade.needs_manual_grade)
    written = grade.cell.cell_type == "markdown"
    if not (written or waits or extra or comment or grade.manual_score is not None):
        return None
    return Entry(grade.name, float(grade.max_score), None if waits else float(grade.score), extra, comment)
