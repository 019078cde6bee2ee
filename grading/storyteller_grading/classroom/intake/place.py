"""Moves what was collected into `submitted`, and aside what was there before: all of it or nothing."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.report.safe_repr import clean
from storyteller_grading.classroom.course import CAME_AS, NOT_TAKEN, UNMATCHED, Course, Submission, nbgrader_time
from storyteller_grading.classroom.intake.identify_student import split_attempt
from storyteller_grading.classroom.lms.system import Claim
from storyteller_grading.judge.notebooks import Unreadable, contents

BEFORE = "_before"
MAX_UNTIMED_CHARS = 40  # of what is no time
TIME, TICKET = "timestamp.txt", "submission_secret.txt"  # nbgrader's

Move = tuple[Path, Path]  # from where, to where


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
    refused: dict[str, str] = field(default_factory=dict)  # files that were not taken, and why
    whose: dict[str, str] = field(default_factory=dict)  # the students of those whose student is known
    left: dict[str, list[str]] = field(default_factory=dict)  # by student, what lies beside the notebook that was taken
    untimed: list[str] = field(default_factory=list)  # students, and what stands where the time should
    of_others: list[str] = field(default_factory=list)  # students whose notebook has nothing of this lesson
    notes: list[str] = field(default_factory=list)  # what else the instructor should know
    came_as: dict[str, str] = field(default_factory=dict)  # by student, what the notebook was called where it came from
    others: int = 0  # files that are no notebooks, or another lesson's

    @property
    def needs_a_look(self) -> bool:
        """Is there something that a person has to sort out?"""
        return bool(self.unmatched or self.refused or self.untimed or self.of_others)


@dataclass(frozen=True)
class StagedNotebook:
    """A notebook that was read into the folder beside the others."""

    path: Path
    sha256: str
    claim: Claim
    origin: str  # its name in the source
    ticket: bytes = b""  # the exchange's submission_secret.txt
    of_lesson: bool = True  # it can be read, and has cells of this lesson
    came_as: str = ""  # its path in a folder or a zip, without a folder around all students

    def rank(self, lesson: str) -> tuple[float, bool, bool, int, str]:
        """Of a student's the highest counts: the latest; else one of this lesson, of those one that is named like it,
        and of those the one handed in last."""
        stem, number = split_attempt((self.claim.file or self.origin).rpartition("/")[2])
        when = self.claim.submitted_at.timestamp() if self.claim.submitted_at else 0
        return when, self.of_lesson, stem.casefold() == lesson.casefold(), number, self.origin


def put_in_place(
    course: Course, staging: Path, by_student: dict[str, list[StagedNotebook]], collected: Collected
) -> None:
    """Move what was taken to its students, and aside what is nobody's or was replaced; all of it or nothing.

    Args:
        course: the class.
        staging: a folder in the course's `submitted`, in which what was taken lies.
        by_student: what was taken; of nobody under the empty name.
        collected: gets what came of it.

    Raises:
        StorytellerError: a student's place is a link or no folder.
    """
    submissions = {submission.student: submission for submission in course.submissions(collected.lesson)}
    nobodys = {}
    for notebook in by_student.pop("", []):  # its name tells what is in it, so that it lies there once
        stem = re.sub(r"[^\w.-]+", "_", notebook.origin.rpartition(".")[0])[-60:].strip("._-") or "notebook"
        name = f"{collected.lesson}-{notebook.sha256[:16]}-{stem}.ipynb"
        nobodys[course.submitted / UNMATCHED / name] = notebook.path
    moves = [(source, target) for target, source in nobodys.items() if not target.exists()]
    for student, notebooks in sorted(by_student.items()):
        moves += moves_of_student(course, staging, student, notebooks, submissions.get(student), collected)
    done: list[Move] = []
    try:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            done.append((source, target))
    except BaseException:  # Ctrl-C too; the exception goes on
        for source, target in reversed(done):
            source.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(target, source)
        raise


def moves_of_student(
    course: Course,
    staging: Path,
    student: str,
    notebooks: list[StagedNotebook],
    before: Submission | None,
    collected: Collected,
) -> list[Move]:
    """What to move for a student of whom `before` lies there."""
    best = max(notebooks, key=lambda notebook: notebook.rank(collected.lesson))
    if len({notebook.sha256 for notebook in notebooks}) > 1:
        rest = ", ".join(sorted(notebook.origin for notebook in notebooks if notebook is not best))
        collected.notes.append(f"{student} handed in {len(notebooks)} notebooks; {best.origin} was taken, not {rest}.")
    if best.claim.untimed and not (before and before.submitted_at):
        collected.untimed.append(f"{student} ({best.claim.untimed!r})")
    if best.claim.late and not (before and before.submitted_at):
        collected.late.append(student)
    target = course.submitted / student / collected.lesson
    _refuse_link(target.parent)
    _refuse_link(target)
    if before is None and not target.exists():
        collected.new.append(student)
        collected.came_as[student] = best.came_as
        return [(_made(staging, student, best, collected.lesson), target)]
    age = age_beside(best, before)
    getattr(collected, age).append(student)
    if age != "older":
        collected.came_as[student] = best.came_as
    if age != "newer":
        return []
    digest = hashlib.sha256()  # a short name for what is put aside
    for path in sorted(target.iterdir()):
        digest.update(path.name.encode(errors="surrogateescape"))
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    name = f"{collected.lesson}-{digest.hexdigest()[:8]}"
    aside, number = course.submitted / BEFORE / student / name, 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{name}-{number}")
    return [(target, aside), (_made(staging, student, best, collected.lesson), target)]


def age_beside(best: StagedNotebook, before: Submission | None) -> str:
    """Is it the `same` as what lies there, `newer` or `older`? Without a time, what is collected now is newer."""
    if before is None:
        return "newer"
    now, then = best.claim.submitted_at, before.submitted_at
    try:
        same = hashlib.sha256(contents(before.notebook)).hexdigest() == best.sha256
    except Unreadable:
        same = False
    if now is None or then is None:
        told = not best.claim.untimed or then or before.untimed  # that the time is none, to whoever grades
        return "same" if same and now is None and told else "newer"
    if now == then:
        return "same" if same else "newer"
    return "newer" if now > then else "older"


def refuse_links(course: Course) -> None:
    """Raise a StorytellerError if one of the folders into which everything goes is a link or no folder."""
    for place in (course.submitted, *(course.submitted / name for name in (UNMATCHED, BEFORE, NOT_TAKEN, CAME_AS))):
        _refuse_link(place)


def _refuse_link(place: Path) -> None:
    """What is written into a place that is a link would land elsewhere."""
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise StorytellerError(f"{place} is a link or no folder; move it away. Nothing was written.")


def _made(staging: Path, student: str, best: StagedNotebook, lesson: str) -> Path:
    """A student's folder, whole, ready to be moved."""
    folder = staging / "students" / student / lesson
    folder.mkdir(parents=True)
    os.rename(best.path, folder / f"{lesson}.ipynb")
    if best.claim.submitted_at:
        (folder / TIME).write_text(nbgrader_time(best.claim.submitted_at), encoding="ascii")
    elif best.claim.untimed:  # as it is, so that autograde names it
        (folder / TIME).write_text(clean(best.claim.untimed, MAX_UNTIMED_CHARS), encoding="utf-8")
    if best.ticket:
        (folder / TICKET).write_bytes(best.ticket)
    return folder
