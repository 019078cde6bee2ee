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
from storyteller_grading.classroom.intake.identify_student import Claim, People, exchange_claim
from storyteller_grading.classroom.intake.sources import Found, files_below, read_below, reading
from storyteller_grading.judge.submission import Unreadable

TICKET = "submission_secret.txt"  # nbgrader's
LONGEST_TICKET = 1000  # bytes


@dataclass(frozen=True)
class Folder:
    """A folder of the exchange."""

    own: bool  # its owner is the student whom its name tells, or nobody looks at that
    when: datetime
    name: str
    said: Claim


@dataclass(frozen=True)
class HandIn:
    """A folder that a student's `nbgrader submit` made."""

    name: str
    said: Claim
    notebooks: tuple[Found, ...]  # and what was to be one; its path begins with the folder's name
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
    place, check_owner = _place(course)
    by_student: dict[str, list[Folder]] = defaultdict(list)
    with reading(place), os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            said = exchange_claim(entry.name, lesson) if entry.is_dir(follow_symlinks=False) else None
            if said and said.submitted_at:
                own = not check_owner or _owner(place / entry.name) in ("", *said.names)
                student = people.whose(said)[0] or said.names[0]
                by_student[student].append(Folder(own, said.submitted_at, entry.name, said))
    if not by_student:
        raise StorytellerError(f"The exchange {place} has nothing of {lesson}; name a folder or a zip instead.")
    return [_hand_in(place, found) for found in by_student.values()]


def _place(course: Course) -> tuple[Path, bool]:
    """The folder into which the course's students hand in, and whether a folder's owner must be its student."""
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
    return place, bool(settings.check_owner)


def _hand_in(place: Path, folders: list[Folder]) -> HandIn:
    best = max(folders, key=lambda one: (one.own, one.when, one.name))
    name = best.name
    found = files_below(place, (name,))
    wanted = tuple(one for one in found if one.is_notebook or (one.refused and one.path.count("/") == 1))
    try:
        ticket = read_below(place, (name, TICKET), largest=LONGEST_TICKET)
    except Unreadable:
        ticket = b""
    others = tuple(one.name for one in folders if best.own and not one.own)
    return HandIn(name, best.said, wanted, ticket, best.own, others)


def _owner(folder: Path) -> str:
    """The name of the user whose folder it is; empty where that cannot be told."""
    try:
        return folder.owner()
    except (KeyError, NotImplementedError, OSError):
        return ""
