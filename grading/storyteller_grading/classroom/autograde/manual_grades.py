"""What nbgrader's gradebook knows and the judge does not: grades and comments given by hand, and late penalties."""

from dataclasses import dataclass, field
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course


@dataclass(frozen=True)
class ManualEntry:
    """One cell that a person has graded, will grade, or has commented."""

    name: str  # of the cell
    points: float
    score: float | None  # None while it waits for a person
    extra: float = 0.0  # extra credit given by hand
    comment: str = ""


@dataclass(frozen=True)
class ManualGrades:
    """One student's lesson in the gradebook."""

    score: float  # everything: automatic, by hand, extra credit, less the penalty
    points: float
    penalty: float = 0.0
    seconds_late: float = 0.0
    entries: tuple[ManualEntry, ...] = field(default_factory=tuple)

    @classmethod
    def read(cls, submission: Any) -> "ManualGrades":
        """What the gradebook has; of cells only those that a person has to do with."""
        entries = []
        for notebook in submission.notebooks:
            comments = {comment.name: comment.manual_comment or "" for comment in notebook.comments}
            for grade in sorted(notebook.grades, key=lambda grade: str(grade.name)):
                comment, extra = comments.pop(grade.name, ""), float(grade.extra_credit or 0)
                waits, written = bool(grade.needs_manual_grade), grade.cell.cell_type == "markdown"
                if written or waits or extra or comment or grade.manual_score is not None:
                    score = None if waits else float(grade.score)
                    entries.append(ManualEntry(grade.name, float(grade.max_score), score, extra, comment))
            entries += [ManualEntry(name, 0, None, comment=text) for name, text in sorted(comments.items()) if text]
        return cls(
            score=float(submission.score - submission.late_submission_penalty),
            points=float(submission.max_score),
            penalty=float(submission.late_submission_penalty),
            seconds_late=float(submission.total_seconds_late),
            entries=tuple(entries),
        )

    @property
    def waits(self) -> bool:
        """Is there something that a person has to grade?"""
        return any(entry.score is None and entry.points for entry in self.entries)


def read_manual_grades(course: Course, lesson: str) -> dict[str, ManualGrades]:
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
            submissions = book.assignment_submissions(lesson)
            return {submission.student.id: ManualGrades.read(submission) for submission in submissions}
    except MissingEntry:
        return {}
    except SQLAlchemyError as error:
        raise StorytellerError(
            f"The gradebook {course.folder / 'gradebook.db'} cannot be read ({type(error).__name__}); close other "
            "programs that have it open, and try again."
        ) from error
