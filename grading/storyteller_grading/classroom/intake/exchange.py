"""What lies in nbgrader's exchange for a course.

nbgrader's own `collect` copies all of a student's folder and follows the links in it, also to what only the instructor
may read. Here notebooks alone are taken, and the small file by which nbgrader gives feedback back.
"""

import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import nbgrader_config
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake.identify_student import People, exchange_claim
from storyteller_grading.classroom.intake.place import TICKET
from storyteller_grading.classroom.intake.sources import SourceFile, files_below, read_below, reading
from storyteller_grading.classroom.lms.system import Claim
from storyteller_grading.judge.submission import Unreadable

MAX_TICKET_BYTES = 1000


@dataclass(frozen=True)
class ExchangeFolder:
    """A folder of the exchange."""

    own: bool  # its owner is the student whom its name tells, or nobody looks at that
    when: datetime
    name: str
    claim: Claim


@dataclass(frozen=True)
class HandIn:
    """A folder that a student's `nbgrader submit` made."""

    name: str
    claim: Claim
    notebooks: tuple[SourceFile, ...]  # and what was to be one; its path begins with the folder's name
    ticket: bytes
    own: bool
    of_others: tuple[str, ...]  # that were passed over: another user owns them, and this one is the student's own


def inbound(course: Course, lesson: str, people: People) -> list[HandIn]:
    """What was handed in for a lesson, of each student the latest.

    Everybody may write into the exchange, also a folder with a classmate's name on it: one that the student owns goes
    before all that others own. Where nobody owns their folders, as with containers, the latest counts.

    Raises:
        StorytellerError: the course's exchange is not there, or has nothing of this lesson.
    """
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange.default import ExchangeCollect

    config = nbgrader_config(course)
    directory = CourseDirectory(config=config, root=str(course.folder))
    settings = ExchangeCollect(coursedir=directory, config=config)
    place = Path(settings.root) / directory.course_id / "inbound"
    if not place.is_dir():
        raise StorytellerError(
            f"There is no exchange at {place}: name what to collect, a folder or your LMS's zip, or set Exchange.root "
            "and CourseDirectory.course_id in nbgrader_config.py."
        )
    by_student: dict[str, list[ExchangeFolder]] = defaultdict(list)
    with reading(place), os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            claim = exchange_claim(entry.name, lesson) if entry.is_dir(follow_symlinks=False) else None
            if claim and claim.submitted_at:
                own = not settings.check_owner or owner_of(place / entry.name) in ("", *claim.names)
                student = people.identify(claim)[0] or claim.names[0]
                by_student[student].append(ExchangeFolder(own, claim.submitted_at, entry.name, claim))
    if not by_student:
        raise StorytellerError(f"The exchange {place} has nothing of {lesson}; name a folder or a zip instead.")
    return [latest_of(place, folders) for folders in by_student.values()]


def latest_of(place: Path, folders: list[ExchangeFolder]) -> HandIn:
    """Of a student's folders the one that counts, with what is taken from it."""
    best = max(folders, key=lambda folder: (folder.own, folder.when, folder.name))
    files = files_below(place, (best.name,))
    notebooks = tuple(file for file in files if file.is_notebook or (file.refused and file.path.count("/") == 1))
    try:
        ticket = read_below(place, (best.name, TICKET), largest=MAX_TICKET_BYTES)
    except Unreadable:
        ticket = b""
    others = tuple(folder.name for folder in folders if best.own and not folder.own)
    return HandIn(best.name, best.claim, notebooks, ticket, best.own, others)


def owner_of(folder: Path) -> str:
    """The name of the user whose folder it is; empty where that cannot be told."""
    try:
        return folder.owner()
    except (KeyError, NotImplementedError, OSError):
        return ""
