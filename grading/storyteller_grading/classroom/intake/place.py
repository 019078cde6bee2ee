"""Moves what was collected into `submitted`, and aside what was there before: all of it or nothing."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course, Submission, nbgrader_time
from storyteller_grading.classroom.intake.exchange import TICKET
from storyteller_grading.classroom.intake.identify_student import Claim, attempt
from storyteller_grading.judge.submission import Unreadable, contents

UNMATCHED, BEFORE = "_unmatched", "_before"
TIME = "timestamp.txt"


@dataclass
class Collected:
    """What came of collecting a lesson; each name in it may come from students."""

    lesson: str
    new: list[str] = field(default_factory=list)  # students
    newer: list[str] = field(default_factory=list)  # students whose older submission was put aside
    same: list[str] = field(default_factory=list)  # students whose submission lay there already
    older: list[str] = field(default_factory=list)  # students of whom something newer lies there
    late: list[str] = field(default_factory=list)  # students whom the LMS marks as late without saying when
    unmatched: dict[str, str] = field(default_factory=dict)  # files, and why they are nobody's
    refused: dict[str, str] = field(default_factory=dict)  # files that were not read, and why
    notes: list[str] = field(default_factory=list)  # what else the instructor should know
    others: int = 0  # files that are no notebooks, or another lesson's

    @property
    def needs_a_look(self) -> bool:
        """Is there something that a person has to sort out?"""
        return bool(self.unmatched or self.refused)


@dataclass(frozen=True)
class Taken:
    """A notebook that was read into the folder beside the others."""

    path: Path
    sha256: str
    said: Claim
    origin: str  # its name in the source
    ticket: bytes = b""  # the exchange's submission_secret.txt


def put_in_place(course: Course, staging: Path, by_student: dict[str, list[Taken]], collected: Collected) -> None:
    """Move what was taken to its students, and aside what is nobody's or was replaced; all of it or nothing.

    Args:
        course: the class.
        staging: a folder in the course's `submitted`, in which what was taken lies.
        by_student: what was taken; of nobody under the empty name.
        collected: gets what came of it.

    Raises:
        StorytellerError: a student's place is a link or no folder.
    """
    there = {one.student: one for one in course.submissions(collected.lesson)}
    nobodys = {_aside(course, taken, collected.lesson): taken.path for taken in by_student.pop("", [])}
    moves = [(source, target) for target, source in nobodys.items() if not target.exists()]
    for student, found in sorted(by_student.items()):
        moves += _of_student(course, staging, student, found, there.get(student), collected)
    with _undone_on_error() as done:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            done.append((source, target))


def _aside(course: Course, taken: Taken, lesson: str) -> Path:
    """Where a notebook goes that is nobody's; its name tells what is in it, so that it lies there once."""
    stem = re.sub(r"[^\w.-]+", "_", taken.origin.rpartition(".")[0])[-60:].strip("._-") or "notebook"
    return course.submitted / UNMATCHED / f"{lesson}-{taken.sha256[:16]}-{stem}.ipynb"


def _of_student(
    course: Course, staging: Path, student: str, found: list[Taken], there: Submission | None, collected: Collected
) -> list[tuple[Path, Path]]:
    """What to move for a student."""
    best = _best(found, collected.lesson)
    if len({one.sha256 for one in found}) > 1:
        rest = ", ".join(sorted(one.origin for one in found if one is not best))
        collected.notes.append(f"{student} handed in {len(found)} notebooks; {best.origin} was taken, not {rest}.")
    if best.said.late and not (there and there.submitted_at):
        collected.late.append(student)
    target = course.submitted / student / collected.lesson
    _refuse_link(target.parent)
    _refuse_link(target)
    if there is None and not target.exists():
        collected.new.append(student)
        return [(_made(staging, student, best, collected.lesson), target)]
    state = _compared(best, there)
    getattr(collected, state).append(student)
    if state != "newer":
        return []
    before = course.submitted / BEFORE / student / f"{collected.lesson}-{_mark(target)}"
    return [(target, _free(before)), (_made(staging, student, best, collected.lesson), target)]


def _best(found: list[Taken], lesson: str) -> Taken:
    """The latest; else the one that is named like the lesson, of those the one handed in last."""

    def worth(one: Taken) -> tuple[float, bool, int, str]:
        stem, number = attempt((one.said.file or one.origin).rpartition("/")[2])
        when = one.said.submitted_at.timestamp() if one.said.submitted_at else 0
        return when, stem.casefold() == lesson.casefold(), number, one.origin

    return max(found, key=worth)


def _compared(best: Taken, there: Submission | None) -> str:
    """Is it the `same` as what lies there, `newer` or `older`? Without a time, what is collected now is newer."""
    if there is None:
        return "newer"
    now, then = best.said.submitted_at, there.submitted_at
    try:
        same = hashlib.sha256(contents(there.notebook)).hexdigest() == best.sha256
    except Unreadable:
        same = False
    if now is None or then is None:
        return "same" if same and now is None else "newer"
    if now == then:
        return "same" if same else "newer"
    return "newer" if now > then else "older"


def refuse_links(course: Course) -> None:
    """Raise a StorytellerError if one of the folders into which everything goes is a link or no folder."""
    for place in (course.submitted, course.submitted / UNMATCHED, course.submitted / BEFORE):
        _refuse_link(place)


def _refuse_link(place: Path) -> None:
    """What is written into a place that is a link would land elsewhere."""
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise StorytellerError(f"{place} is a link or no folder; move it away. Nothing was written.")


def _made(staging: Path, student: str, best: Taken, lesson: str) -> Path:
    """A student's folder, whole, ready to be moved."""
    folder = staging / "students" / student / lesson
    folder.mkdir(parents=True)
    os.rename(best.path, folder / f"{lesson}.ipynb")
    if best.said.submitted_at:
        (folder / TIME).write_text(nbgrader_time(best.said.submitted_at), encoding="ascii")
    if best.ticket:
        (folder / TICKET).write_bytes(best.ticket)
    return folder


def _mark(folder: Path) -> str:
    """A short name for what is in a folder that is put aside."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode(errors="surrogateescape"))
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]


def _free(path: Path) -> Path:
    """The path, or with a number behind it where it is taken."""
    tried, number = path, 1
    while tried.exists():
        number += 1
        tried = path.with_name(f"{path.name}-{number}")
    return tried


@contextmanager
def _undone_on_error() -> Iterator[list[tuple[Path, Path]]]:
    """Moves are undone when one of them fails, in reverse order."""
    done: list[tuple[Path, Path]] = []
    try:
        yield done
    except BaseException:  # Ctrl-C too; the exception goes on
        for source, target in reversed(done):
            source.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(target, source)
        raise
