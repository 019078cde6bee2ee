"""What lies in nbgrader's exchange for a course.

nbgrader's own `collect` copies all of a student's folder and follows the links in it, also to what only the instructor
may read. Here notebooks alone are taken, and the small file by which nbgrader gives feedback back.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.gradebook import nbgrader_config
from storyteller_grading.classroom.sources import Found, files_below, read_below, reading
from storyteller_grading.classroom.whose import Claim, exchange_claim
from storyteller_grading.judge.submission import Unreadable

TICKET = "submission_secret.txt"  # nbgrader's
LONGEST_TICKET = 1000  # bytes


@dataclass(frozen=True)
class HandIn:
    """A folder that a student's `nbgrader submit` made."""

    name: str
    said: Claim
    notebooks: tuple[Found, ...]  # and what was to be one; its path begins with the folder's name
    ticket: bytes
    owner_differs: bool  # the student named is not the user whose folder it is


def inbound(course: Course, lesson: str) -> list[HandIn]:
    """What was handed in for a lesson, of each student the latest.

    Raises:
        StorytellerError: the course's exchange is not there, or has nothing of this lesson.
    """
    place, check_owner = _place(course)
    latest: dict[tuple[str, ...], tuple[str, Claim]] = {}
    with reading(place), os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            said = exchange_claim(entry.name, lesson) if entry.is_dir(follow_symlinks=False) else None
            if said and (said.names not in latest or _later(said, latest[said.names][1])):
                latest[said.names] = (entry.name, said)
    if not latest:
        raise StorytellerError(f"The exchange {place} has nothing of {lesson}; name a folder or a zip instead.")
    return [_hand_in(place, name, said, check_owner) for name, said in latest.values()]


def _later(one: Claim, other: Claim) -> bool:
    return bool(one.submitted_at and other.submitted_at and one.submitted_at > other.submitted_at)


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


def _hand_in(place: Path, name: str, said: Claim, check_owner: bool) -> HandIn:
    found = files_below(place, (name,))
    wanted = tuple(one for one in found if one.is_notebook or (one.refused and one.path.count("/") == 1))
    try:
        ticket = read_below(place, (name, TICKET), largest=LONGEST_TICKET)
    except Unreadable:
        ticket = b""
    differs = check_owner and _owner(place / name) not in ("", said.names[0])
    return HandIn(name, said, wanted, ticket, differs)


def _owner(folder: Path) -> str:
    """The name of the user whose folder it is; empty where that cannot be told."""
    try:
        return folder.owner()
    except (KeyError, NotImplementedError, OSError):
        return ""
