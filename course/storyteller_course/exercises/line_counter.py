"""How much work some code does, on any machine: the number of its lines that run."""

import sys
from types import FrameType
from typing import Any


class LineCounter:
    """Counts the lines of Python that run between `start` and `stop`, those of a loop in each of its rounds."""

    def __init__(self) -> None:
        self.counts: list[int] = []  # of each time that it was started

    def start(self) -> None:
        """Count from here on, from 0."""
        self.counts.append(0)
        self._before = sys.gettrace()
        sys.settrace(self._count)

    def stop(self) -> None:
        """Count no more."""
        sys.settrace(self._before)

    def grew_by_more_than(self, lines: int) -> bool:
        """Did the last time take so many more lines than the first?

        The counts themselves differ from one right answer to the next; a diagnosis must not compare them.
        """
        return self.counts[-1] - self.counts[0] > lines

    def _count(self, frame: FrameType, event: str, what: Any) -> Any:
        self.counts[-1] += event == "line"
        return self._count
