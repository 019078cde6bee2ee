"""The wall-clock time that the code of one submission may take, all exercises and the loading of cells together.

It is kept by the judge, where no code of the submission runs: who sleeps in every cell, or ends every process that is
started, uses up this time and nobody else's.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from storyteller_course.runner.student_errors import StudentError

SUBMISSION_S = 600.0  # a right notebook takes 10 to 40 s, one with an endless loop in every exercise 150 s


class SubmissionClock:
    """Counts the seconds for which the judge waits for the code of one submission.

    Args:
        seconds: how many there are.
    """

    def __init__(self, seconds: float = SUBMISSION_S) -> None:
        self.seconds = seconds
        self.by_exercise: defaultdict[str, float] = defaultdict(float)  # seconds waited
        self.by_cell: defaultdict[int, float] = defaultdict(float)  # of them for a cell, by its number
        self.began: float | None = None  # since when it counts

    @contextmanager
    def counting(self, exercise: str) -> Iterator[None]:
        """Context manager: counts what passes inside.

        Raises:
            StudentError: "spent", where nothing is left; in `check` too.
        """
        self.check()
        self.began = time.monotonic()
        try:
            yield
        finally:
            self.by_exercise[exercise] += time.monotonic() - self.began
            self.began = None

    @contextmanager
    def running(self, cell: int) -> Iterator[None]:
        """Context manager: counts what passes inside for a cell, too."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.by_cell[cell] += time.monotonic() - began

    @property
    def left(self) -> float:
        """The seconds that are left; negative where a call took longer than there were."""
        return self.seconds - sum(self.by_exercise.values()) - (time.monotonic() - self.began if self.began else 0.0)

    def check(self) -> None:
        """Raise StudentError where nothing is left."""
        if self.left <= 0:
            raise StudentError("spent", f"{self._verdict()} It was not reached, or not ended, before that.")

    def notes(self) -> list[str]:
        """For the student: that the time is over, and where it went; nothing where some is left."""
        if self.left > 0:
            return []
        seconds = {f"`{name}`": spent for name, spent in self.by_exercise.items()}
        seconds |= {f"running cell {number}": spent for number, spent in self.by_cell.items()}
        most = sorted(seconds, key=lambda name: seconds[name], reverse=True)[:6]
        where = [f"{name} {seconds[name]:.0f} s" for name in most]
        return [f"{self._verdict()} What was not graded by then has no points. Most of it went to: {', '.join(where)}."]

    def _verdict(self) -> str:
        return f"The code of this notebook took {self.seconds:.0f} seconds, which is all that a submission may take."
