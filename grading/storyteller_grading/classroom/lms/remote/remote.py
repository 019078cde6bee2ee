"""What the web services of LMSs have in common: files that are loaded late, and which grades would be sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake.identify_student import People
from storyteller_grading.classroom.intake.sources import SourceFile
from storyteller_grading.classroom.lms.remote.connection import Connection
from storyteller_grading.classroom.lms.system import Claim, Grades

Fetched = tuple[SourceFile, Claim]
SAME = 0.005  # points; what is nearer counts as equal


@dataclass(frozen=True)
class RemoteGrade:
    """Who somebody is in the LMS, and the grade that stands there."""

    user: str  # the number by which a grade is sent
    claim: Claim  # by which the roster knows the person
    points: float | None


@dataclass
class Sending:
    """What would be sent."""

    changes: list[tuple[str, str, float | None, float]] = field(default_factory=list)  # student, user, before, after
    same: int = 0
    unknown: list[str] = field(default_factory=list)  # students of the gradebook whom the LMS does not have, and why
    others: list[str] = field(default_factory=list)  # who is in the LMS and not on the roster

    def points(self) -> dict[str, float]:
        """By user."""
        return {user: after for _, user, _, after in self.changes}


def compare(course: Course, lesson: str, grades: Grades, there: Iterable[RemoteGrade]) -> Sending:
    """Which grades of a lesson differ from those in the LMS; whom nobody knows for certain gets none."""
    people, by_student = People(course.students()), dict[str, RemoteGrade]()
    sending, twice = Sending(), set[str]()
    for one in there:
        whose, _ = people.identify(one.claim)
        if not whose:
            sending.others.append(one.claim.names[-1] if one.claim.names else one.user)
        elif whose in by_student:
            twice.add(whose)
        else:
            by_student[whose] = one
    for student, earned in grades.points:
        if lesson not in earned:
            continue
        if student.id in twice:
            sending.unknown.append(f"{student.id} (two users there may be this student)")
        elif (remote := by_student.get(student.id)) is None:
            sending.unknown.append(student.id)
        elif remote.points is not None and abs(remote.points - earned[lesson]) < SAME:
            sending.same += 1
        else:
            sending.changes.append((student.id, remote.user, remote.points, round(earned[lesson], 2)))
    return sending


def remote_file(connection: Connection, path: str, url: str, fields: dict[str, str] | None = None) -> SourceFile:
    """A file of a hand-in, loaded once, when it is first read.

    Args:
        connection: to the LMS.
        path: what it is called in messages.
        url: where it is.
        fields: sent along as a form.
    """

    @cache
    def load() -> bytes:
        return connection.post(url, fields).content if fields else connection.download(url)

    def read(*, first: int | None = None) -> bytes:
        return load()[:first]

    return SourceFile(path, read)


def sent_names(names: Sequence[str | None]) -> tuple[str, ...]:
    """The names by which a person may be known, those that are there, each once."""
    return tuple(dict.fromkeys(name for name in names if name))
