"""What the class wrote in answer to a question, and what a person gave for it: read from and saved into the gradebook.

    found = read_answers(course, lesson, question)
    save_grade(course, lesson, question, "ada", Entry("7", "Well said.", version))

The texts are those that were graded last; points and comments are nbgrader's `manual_score` and `manual_comment`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import reading_gradebook
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.system import format_points
from storyteller_grading.classroom.roster import Student
from storyteller_grading.classroom.written.questions import Question

MAX_COMMENT_CHARS = 4000  # as many as a feedback page shows
POINTS = re.compile(r"[+-]?[0-9]{1,6}(?:[.,][0-9]{0,6})?")


class Changed(StorytellerError):
    """The answer or its grade is another one now than the page shows."""


@dataclass(frozen=True)
class Answer:
    """One student's answer and its grade."""

    student: Student
    text: str  # empty where nothing was written
    points: float | None  # given by a person
    comment: str  # a person's
    waits: bool  # for a person
    extra: float = 0.0  # extra credit, which formgrader gives
    unreadable: bool = False  # the notebook

    @property
    def version(self) -> str:
        """Of what the page shows; another text or another grade has another one."""
        shown = json.dumps([self.text, self.points, self.comment])  # in ASCII: a text may hold broken characters
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Entry:
    """What a person typed."""

    points: str
    comment: str
    version: str  # of the answer that the page showed


@dataclass
class Answers:
    """All answers to a question."""

    written: list[Answer] = field(default_factory=list)  # those to be graded, and those that are
    unwritten: list[Answer] = field(default_factory=list)  # nothing was written, which has 0 points by itself
    absent: list[Student] = field(default_factory=list)  # of the roster; of them nothing was graded

    @property
    def graded(self) -> int:
        """How many of the written ones a person has graded."""
        return sum(not answer.waits for answer in self.written)


def read_answers(course: Course, lesson: str, question: Question) -> Answers:
    """The answers of everybody, by id.

    Raises:
        StorytellerError: nothing was graded yet, or the gradebook cannot be read.
    """
    roster = {student.id: student for student in course.students()}
    with Records(course.records_file) as records:
        latest = {record.student: record for record in records.all_latest(lesson)}
    if not latest or not (course.folder / "gradebook.db").is_file():
        first = f"storyteller-grade autograde {lesson.partition('_')[0]}"
        raise StorytellerError(f"Nothing of {lesson} was graded yet: {first} comes first, then its written answers.")
    answers = Answers()
    with reading_gradebook(course) as book:
        for record in latest.values():
            if (answer := _answer(book, lesson, question, record, roster)) is None:
                continue  # the grader failed, and `autograde` names who it is
            (answers.written if answer.text or answer.waits else answers.unwritten).append(answer)
    answers.absent = [student for name, student in roster.items() if name not in latest]
    return answers


def save_grade(course: Course, lesson: str, question: Question, student: str, entry: Entry) -> Answer:
    """Save what a person gave, as formgrader does; gives the answer as it is then.

    Without points a comment alone is kept, and the answer waits.

    Raises:
        Changed: the page that this comes from is out of date; nothing was saved.
        StorytellerError: these are no points, or too many, or the gradebook cannot be used; nothing was saved.
    """
    points = read_points(entry.points, question.points)
    if len(entry.comment) > MAX_COMMENT_CHARS:
        raise StorytellerError(f"A comment has at most {MAX_COMMENT_CHARS:,} characters; this one is longer.")
    roster = {one.id: one for one in course.students()}
    with Records(course.records_file) as records:
        record = records.latest(lesson, student)
    if record is None:
        raise StorytellerError(f"Nothing of {student} was graded for {lesson}.")
    with reading_gradebook(course) as book:
        before = _answer(book, lesson, question, record, roster)
        if before is None:
            raise StorytellerError(f"The gradebook has no {question.name} of {student}: autograde it first.")
        if before.version != entry.version:
            raise Changed(
                "This answer or its grade has changed since the page was loaded; nothing was saved. Reload the page."
            )
        grade = book.find_grade(question.name, lesson, lesson, student)
        comment = book.find_comment(question.name, lesson, lesson, student)
        if points is not None:
            grade.manual_score, grade.needs_manual_grade = points, False
        elif not before.waits:  # the points were taken back
            grade.manual_score, grade.needs_manual_grade = None, grade.auto_score is None
        comment.manual_comment = entry.comment.strip().encode("utf-8", "replace").decode() or None
        book.db.commit()
        after = _answer(book, lesson, question, record, roster)
    assert after is not None
    return after


def read_points(text: str, most: float) -> float | None:
    """Points as people type them; None where nothing was typed.

    Raises:
        StorytellerError: it is no number, or not between 0 and the most that the question earns.

    >>> read_points(" 7,5 ", 10), read_points("", 10)
    (7.5, None)
    """
    shown = text.strip()
    if not shown:
        return None
    if not POINTS.fullmatch(shown):
        raise StorytellerError(f"{shown[:20]!r} is no number of points: type one such as 7 or 7.5.")
    points = float(shown.replace(",", "."))
    if not 0 <= points <= most:
        raise StorytellerError(
            f"{shown[:20]} is not between 0 and {format_points(most)}, the points of this question. Extra credit is "
            "given in formgrader."
        )
    return points


def _answer(book: Any, lesson: str, question: Question, record: Record, roster: Mapping[str, Student]) -> Answer | None:
    """What a student wrote and has for it; None where the gradebook has nothing of the student's."""
    from nbgrader.api import MissingEntry

    try:
        grade = book.find_grade(question.name, lesson, lesson, record.student)
        comment = book.find_comment(question.name, lesson, lesson, record.student)
    except MissingEntry:
        return None
    return Answer(
        student=roster.get(record.student, Student(record.student)),
        text=record.written.get(question.name, ""),
        points=None if grade.manual_score is None else float(grade.manual_score),
        comment=comment.manual_comment or "",
        waits=bool(grade.needs_manual_grade),
        extra=float(grade.extra_credit or 0),
        unreadable=record.status == "unreadable",
    )
