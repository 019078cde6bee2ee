"""One story at a time, and a short queue before it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Who may use the model now.

    Args:
        most_waiting: how many may wait for their turn; beyond that, come again later.
    """

    def __init__(self, *, most_waiting: int) -> None:
        self.most_waiting = most_waiting
        self.here = 0  # who tells and who waits
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether there is no room to wait."""
        return self.here > self.most_waiting

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for one's turn and have it until the end of the block; whoever leaves early makes room at once."""
        self.here += 1
        try:
            async with self._turn:
                yield
        finally:
            self.here -= 1
