"""Puts what a class handed in where autograde looks for it, from an exchange, a folder, or an LMS's zip.

    collected = collect(course, "01_data_preparation", Path("submissions.zip"))

    submitted/ada/01_data_preparation/01_data_preparation.ipynb   # with timestamp.txt where the time is known
    submitted/_before/ada/01_data_preparation-1a2b3c4d/           # what a newer one replaced
    submitted/_unmatched/01_data_preparation-1a2b3c4d-x.ipynb     # whose it is, nobody knows

All is read into a folder beside these before anything is moved; what goes wrong on the way leaves all as it was.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from storyteller.disk import writing
from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course, Submission, nbgrader_time, parsed_time
from storyteller_grading.classroom.exchange import TICKET, inbound
from storyteller_grading.classroom.lock import alone
from storyteller_grading.classroom.sources import Found, opened
from storyteller_grading.classroom.whose import Claim, People, attempt, claim
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


def collect(course: Course, lesson: str, source: Path | None = None) -> Collected:
    """Collect a lesson.

    Args:
        course: whose `submitted` is filled.
        lesson: the lesson's name.
        source: a folder, or an LMS's zip; nbgrader's exchange where there is none.

    Raises:
        StorytellerError: there is nothing to collect there, or the roster is empty; nothing was written.
    """
    people, collected = People(students := course.students()), Collected(lesson)
    if not students:
        raise StorytellerError(f"{course.roster_file} names no student; put your class into it first.")
    for place in (course.submitted, course.submitted / UNMATCHED, course.submitted / BEFORE):
        _refuse_link(place)
    with writing(course.submitted), alone(course):
        course.submitted.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".collect-", dir=course.submitted) as place:
            staging = Path(place)
            if source is None:
                by_student = _from_exchange(course, people, staging, collected)
            else:
                by_student = _from_files(source, people, staging, collected)
            _put_in_place(course, staging, by_student, collected)
    return collected


def _from_files(source: Path, people: People, staging: Path, collected: Collected) -> dict[str, list[Taken]]:
    with opened(source) as found:
        paths = _without_wrapper(found, people, collected.lesson)
        notebooks, times = _of_lesson(paths, collected), _times(paths, collected.lesson)
        by_student: dict[str, list[Taken]] = defaultdict(list)
        for number, (path, one) in enumerate(notebooks):
            if one.refused:
                collected.refused[one.path] = one.refused
                continue
            said = replace(claim(path, collected.lesson), submitted_at=times.get(path.rpartition("/")[0]))
            taken = _take(one, said, staging / f"{number}.ipynb", collected)
            if taken is None:
                continue
            student, why = ("", one.unsafe) if one.unsafe else people.whose(said)
            by_student[student].append(taken)
            if not student:
                collected.unmatched[one.path] = why
    if not notebooks and not collected.refused:
        raise StorytellerError(f"{source} has no notebook of {collected.lesson}; nothing was written.")
    return by_student


def _from_exchange(course: Course, people: People, staging: Path, collected: Collected) -> dict[str, list[Taken]]:
    """Of each student the latest hand-in; nbgrader has a folder for each."""
    by_student: dict[str, list[Taken]] = defaultdict(list)
    number = 0
    for folder in inbound(course, collected.lesson):
        student, why = people.whose(folder.said)
        if folder.owner_differs:
            collected.notes.append(f"{folder.name} says that it is {folder.said.names[0]}'s, and another user owns it.")
        for one in folder.notebooks:
            if one.refused:
                collected.refused[one.path] = one.refused
                continue
            number += 1
            taken = _take(one, folder.said, staging / f"{number}.ipynb", collected, folder.ticket)
            if taken is not None:
                by_student[student].append(taken)
                if not student:
                    collected.unmatched[one.path] = why
    return by_student


def _take(one: Found, said: Claim, target: Path, collected: Collected, ticket: bytes = b"") -> Taken | None:
    """Read a notebook, and write it beside the others; one that cannot be read has its line in the summary."""
    try:
        content = one.read()
    except Unreadable as error:
        collected.refused[one.path] = str(error)
        return None
    target.write_bytes(content)
    return Taken(target, hashlib.sha256(content).hexdigest(), said, one.path, ticket)


def _without_wrapper(found: list[Found], people: People, lesson: str) -> list[tuple[str, Found]]:
    """The paths below a folder that holds all the others and is no student's."""
    wrapper = ""
    while notebooks := [one.path.removeprefix(wrapper) for one in found if one.is_notebook and not one.unsafe]:
        firsts = {path.partition("/")[0] if "/" in path else "" for path in notebooks}
        first = min(firsts)
        if len(firsts) > 1 or not first or (first != lesson and people.whose(claim(f"{first}/x", lesson))[0]):
            break
        if "_assignsubmission_" in first:  # one student of Moodle's, whom the roster does not have
            break
        wrapper += f"{first}/"
    return [(one.path.removeprefix(wrapper), one) for one in found]


def _times(paths: list[tuple[str, Found]], lesson: str) -> dict[str, datetime]:
    """When each folder STUDENT/LESSON was handed in, as nbgrader noted it; deeper, a student may have written it."""
    times = {}
    for path, one in paths:
        if path.split("/")[1:] == [lesson, TIME] and not one.refused:
            try:
                when = parsed_time(one.read()[:100].decode("ascii", errors="replace"))
            except Unreadable:
                continue
            if when:
                times[path.rpartition("/")[0]] = when
    return times


def _of_lesson(paths: list[tuple[str, Found]], collected: Collected) -> list[tuple[str, Found]]:
    """The notebooks; of a folder with one folder a lesson only this lesson's. What is no file has its line too."""
    parts = [set(path.split("/")[:-1]) for path, _ in paths]
    by_lesson = any(collected.lesson in folders for folders in parts)
    chosen = []
    for (path, one), folders in zip(paths, parts, strict=True):
        if by_lesson and collected.lesson not in folders:
            collected.others += 1
        elif one.is_notebook:
            chosen.append((path, one))
        elif one.refused:
            collected.refused[one.path] = one.refused
        else:
            collected.others += 1
    return chosen


# --- Into `submitted`


def _put_in_place(course: Course, staging: Path, by_student: dict[str, list[Taken]], collected: Collected) -> None:
    there = {one.student: one for one in course.submissions(collected.lesson)}
    moves: list[tuple[Path, Path]] = []
    for taken in by_student.pop("", []):
        moves += _aside(course, taken, collected)
    for student, found in sorted(by_student.items()):
        moves += _of_student(course, staging, student, found, there.get(student), collected)
    with _undone_on_error() as done:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            done.append((source, target))


def _aside(course: Course, taken: Taken, collected: Collected) -> list[tuple[Path, Path]]:
    """Where a notebook goes that is nobody's; its name tells what is in it, so that it lies there once."""
    stem = re.sub(r"[^\w.-]+", "_", taken.origin.rpartition(".")[0])[-60:].strip("._-") or "notebook"
    target = course.submitted / UNMATCHED / f"{collected.lesson}-{taken.sha256[:8]}-{stem}.ipynb"
    return [] if target.exists() else [(taken.path, target)]


def _of_student(
    course: Course, staging: Path, student: str, found: list[Taken], there: Submission | None, collected: Collected
) -> list[tuple[Path, Path]]:
    """What to move for a student."""
    best = _best(found, collected.lesson)
    if len({one.sha256 for one in found}) > 1:
        rest = ", ".join(sorted(one.origin for one in found if one is not best))
        collected.notes.append(f"{student} handed in {len(found)} notebooks; {best.origin} was taken, not {rest}.")
    if best.said.late and best.said.submitted_at is None:
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
