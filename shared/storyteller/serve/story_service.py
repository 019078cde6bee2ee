"""One story at a time, in a thread of its own, and a short queue of those that wait."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from storyteller.inference.sampling_options import Sampling
from storyteller.inference.trace import TokenTrace, stream_traced
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

BUSY = "Too many stories are being told just now; try again in a few seconds."


class StoryService:
    """Generates one story at a time, in one thread of its own, so that the server can listen meanwhile."""

    def __init__(self, model: Decoder, tokenizer: Tokenizer, *, max_waiting: int) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.queue = StoryQueue(max_waiting=max_waiting)
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storyteller-tell")

    def begin(self, opening: str, sampling: Sampling) -> Iterator[TokenTrace]:
        """The story's tokens; nothing is computed before the first is asked for.

        Raises:
            StorytellerError: the opening holds a special token or half a character.
        """
        return stream_traced(self.model, self.tokenizer, opening, sampling=sampling)

    async def compute(self, tokens: Iterator[TokenTrace]) -> AsyncGenerator[TokenTrace, None]:
        """The tokens, each computed in the thread; to be asked for in one's turn."""
        loop = asyncio.get_running_loop()
        try:
            while (token := await loop.run_in_executor(self.thread, partial(next, tokens, None))) is not None:
                yield token
        finally:  # also where the client has gone: the token that is being computed is the last
            self.thread.submit(getattr(tokens, "close", lambda: None))


class StoryQueue:
    """The one story that is generated, and a few that wait.

    Args:
        max_waiting: how many may wait; beyond that, come again later.
    """

    def __init__(self, *, max_waiting: int) -> None:
        self.max_waiting = max_waiting
        self.size = 0  # the one that is generated and those that wait
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether there is no room to wait."""
        return self.size > self.max_waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Context manager: wait for the turn and have it; whoever leaves early makes room at once."""
        self.size += 1
        try:
            async with self._turn:
                yield
        finally:
            self.size -= 1
