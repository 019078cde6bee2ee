"""Where a completion ends because of what it says: stop strings in a text that comes in pieces."""

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class StopStrings(Generic[T]):
    """Lets the pieces of a text pass until a stop string comes; what may be the beginning of one is held back.

    Each piece carries something along, such as its token.

    >>> stops = StopStrings(["the end"])
    >>> stops.push("And ", 1), stops.push("the", 2), stops.push(" en", 3), stops.push("ormous", 4)
    ([('And ', 1)], [], [], [('the', 2), (' en', 3), ('ormous', 4)])
    >>> stops.push("! the end.", 5), stops.stopped
    ([('! ', 5)], True)
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = [stop for stop in stops if stop]
        self.stopped = False
        self._held: list[tuple[str, T]] = []

    def push(self, text: str, carried: T) -> list[tuple[str, T]]:
        """The pieces that may pass now that this one has come; the last is cut where a stop string begins."""
        self._held.append((text, carried))
        held = "".join(text for text, _ in self._held)
        found = [place for stop in self.stops if (place := held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._release(min(found), cut=True)
        begun = max(
            (n for stop in self.stops for n in range(1, len(stop)) if held.endswith(stop[:n])), default=0
        )  # characters that a stop string may begin with
        return self._release(len(held) - begun)

    def rest(self) -> list[tuple[str, T]]:
        """The pieces held back, once no other will come."""
        rest, self._held = self._held, []
        return rest

    def _release(self, length: int, *, cut: bool = False) -> list[tuple[str, T]]:
        """The pieces that end within so many characters; with `cut`, also what the next one has of these."""
        passed: list[tuple[str, T]] = []
        while self._held and len(self._held[0][0]) <= length:
            text, carried = self._held.pop(0)
            passed.append((text, carried))
            length -= len(text)
        if cut and length:
            text, carried = self._held[0]
            passed.append((text[:length], carried))
        return passed
