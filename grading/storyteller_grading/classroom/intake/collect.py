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
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course, parsed_time
from storyteller_grading.classroom.intake.exchange import TICKET, inbound
from storyteller_grading.classroom.intake.identify_student import Claim, People, claim
from storyteller_grading.classroom.intake.place import TIME, Collected, Taken, put_in_place, refuse_links
from storyteller_grading.classroom.intake.sources import Found, opened
from storyteller_grading.classroom.lock import alone
from storyteller_grading.judge.submission import Unreadable

STAGING = ".collect-"  # how the name of the folder begins


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
    with course.writing(), alone(course):
        course.submitted.mkdir(exist_ok=True)
        for left in course.submitted.glob(f"{STAGING}*"):  # by a run that was killed: copies of what it read
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=course.submitted) as place:
            staging = Path(place)
            if source is None:
                by_student = _from_exchange(course, people, staging, collected)
            else:
                by_student = _from_files(source, people, staging, collected)
            put_in_place(course, staging, by_student, collected)
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
    for folder in inbound(course, collected.lesson, people):
        student, why = people.whose(folder.said)
        if not folder.own:
            collected.notes.append(f"{folder.name} says that it is {folder.said.names[0]}'s, and another user owns it.")
        for name in folder.of_others:
            collected.refused[name] = "another user owns it, and there is one that is the student's own"
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
        if path.rpartition("/")[2] in (TIME, TICKET):
            continue
        if by_lesson and collected.lesson not in folders:
            collected.others += 1
        elif one.is_notebook:
            chosen.append((path, one))
        elif one.refused:
            collected.refused[one.path] = one.refused
        else:
            collected.others += 1
    return chosen
