"""One process at a time writes into a course's folder; the lock goes with the process, however it ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course

LOCK = ".autograde.lock"


@contextmanager
def course_lock(course: Course) -> Iterator[None]:
    """Hold the course's lock.

    Raises:
        StorytellerError: another process holds it.
    """
    with open(course.folder / LOCK, "a", encoding="utf-8") as file:
        try:
            _lock(file)
        except OSError:
            raise StorytellerError(
                f"Another storyteller-grade is grading or collecting in {course.folder}; wait until it is done, or "
                "end it."
            ) from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
