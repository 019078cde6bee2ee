"""Puts what a class handed in where autograde looks for it, from an exchange, a folder, or an LMS's zip.

    collected = collect(course, "01_data_preparation", Path("submissions.zip"))

    submitted/ada/01_data_preparation/01_data_preparation.ipynb   # with timestamp.txt where the time is known
    submitted/_before/ada/01_data_preparation-1a2b3c4d/           # what a newer one replaced
    submitted/_unmatched/01_data_preparation-1a2b3c4d...-x.ipynb  # whose it is, nobody knows

All is read into a folder beside these before anything is moved; what goes wrong on the way leaves all as it was.
"""

import hashlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course, parsed_time
from storyteller_grading.classroom.intake.exchange import inbound
from storyteller_grading.classroom.intake.identify_student import People, read_claim
from storyteller_grading.classroom.intake.place import (
    TICKET,
    TIME,
    Collected,
    StagedNotebook,
    put_in_place,
    refuse_links,
)
from storyteller_grading.classroom.intake.sources import SourceFile, opened
from storyteller_grading.classroom.lms.registry import SYSTEMS
from storyteller_grading.classroom.lms.system import Claim
from storyteller_grading.classroom.lock import course_lock
from storyteller_grading.judge.submission import Unreadable

STAGING = ".collect-"  # how the name of the folder begins


@dataclass(frozen=True)
class Candidate:
    """A file that may be a student's notebook of the lesson."""

    file: SourceFile
    claim: Claim
    student: str  # the id; empty where it is nobody's
    why: str  # it is nobody's
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
    refuse_links(course)
    with course.writing(), course_lock(course):
        course.submitted.mkdir(exist_ok=True)
        for leftover in course.submitted.glob(f"{STAGING}*"):  # of a run that was killed: copies of what it read
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=course.submitted) as place:
            if source is None:
                candidates = from_exchange(course, people, collected)
            else:
                candidates = from_files(source, people, collected)
            by_student: dict[str, list[StagedNotebook]] = defaultdict(list)
            for number, candidate in enumerate(candidates):
                file, staged = candidate.file, Path(place) / f"{number}.ipynb"
                if file.refused:
                    collected.refused[file.path] = file.refused
                    continue
                try:
                    content = file.read()
                except Unreadable as error:
                    collected.refused[file.path] = str(error)
                    continue
                staged.write_bytes(content)
                sha256 = hashlib.sha256(content).hexdigest()
                notebook = StagedNotebook(staged, sha256, candidate.claim, file.path, candidate.ticket)
                by_student[candidate.student].append(notebook)
                if not candidate.student:
                    collected.unmatched[file.path] = candidate.why
            put_in_place(course, Path(place), by_student, collected)
    return collected


def from_files(source: Path, people: People, collected: Collected) -> Iterator[Candidate]:
    """The notebooks of a folder or a zip, each with whose it is.

    Raises:
        StorytellerError: the source cannot be read, or has nothing of this lesson.
    """
    with opened(source) as found:
        files = without_wrapper(found, people, collected.lesson)
        notebooks = notebooks_of_lesson(files, collected)
        times = {}  # by folder STUDENT/LESSON, as nbgrader noted it; deeper, a student may have written it
        for path, file in files:
            if path.split("/")[1:] == [collected.lesson, TIME] and not file.refused:
                try:
                    when = parsed_time(file.read()[:100].decode("ascii", errors="replace"))
                except Unreadable:
                    continue
                if when:
                    times[path.rpartition("/")[0]] = when
        if not notebooks and not collected.refused:
            raise StorytellerError(f"{source} has no notebook of {collected.lesson}; nothing was written.")
        for path, file in notebooks:
            claim = replace(read_claim(path, collected.lesson), submitted_at=times.get(path.rpartition("/")[0]))
            student, why = ("", file.unsafe) if file.unsafe else people.identify(claim)
            yield Candidate(file, claim, student, why)


def from_exchange(course: Course, people: People, collected: Collected) -> Iterator[Candidate]:
    """Of each student the latest hand-in of nbgrader's exchange, which has a folder for each."""
    for hand_in in inbound(course, collected.lesson, people):
        student, why = people.identify(hand_in.claim)
        if not hand_in.own:
            owner = hand_in.claim.names[0]
            collected.notes.append(f"{hand_in.name} says that it is {owner}'s, and another user owns it.")
        for name in hand_in.of_others:
            collected.refused[name] = "another user owns it, and there is one that is the student's own"
        for file in hand_in.notebooks:
            yield Candidate(file, hand_in.claim, student, why, hand_in.ticket)


def without_wrapper(found: list[SourceFile], people: People, lesson: str) -> list[tuple[str, SourceFile]]:
    """The paths below a folder that holds all the others and is no student's."""
    wrapper = ""
    while notebooks := [file.path.removeprefix(wrapper) for file in found if file.is_notebook and not file.unsafe]:
        firsts = {path.partition("/")[0] if "/" in path else "" for path in notebooks}
        first = min(firsts)
        if len(firsts) > 1 or not first or (first != lesson and people.identify(read_claim(f"{first}/x", lesson))[0]):
            break
        if any(system.is_student_folder(first) for system in SYSTEMS.values()):  # of one whom the roster does not have
            break
        wrapper += f"{first}/"
    return [(file.path.removeprefix(wrapper), file) for file in found]


def notebooks_of_lesson(files: list[tuple[str, SourceFile]], collected: Collected) -> list[tuple[str, SourceFile]]:
    """The notebooks; of a folder with one folder a lesson only this lesson's. What is no file has its line too."""
    folders_of = [set(path.split("/")[:-1]) for path, _ in files]
    by_lesson = any(collected.lesson in folders for folders in folders_of)
    notebooks = []
    for (path, file), folders in zip(files, folders_of, strict=True):
        if path.rpartition("/")[2] in (TIME, TICKET):
            continue
        if by_lesson and collected.lesson not in folders:
            collected.others += 1
        elif file.is_notebook:
            notebooks.append((path, file))
        elif file.refused:
            collected.refused[file.path] = file.refused
        else:
            collected.others += 1
    return notebooks
