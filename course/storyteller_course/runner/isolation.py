"""What stands around a call of a student's code: where its prints and warnings go, and seeded random generators."""

import builtins
import contextlib
import io
import warnings
from types import TracebackType
from typing import Any, NoReturn

import torch

from storyteller.training.rng_state import random_state, restore_random, seed_random

LONGEST = 20_000  # characters of output that are kept
MOST_WARNINGS = 5


class _Page(io.StringIO):
    """Keeps the beginning of what is printed and drops the rest."""

    def write(self, text: str, /) -> int:
        room = LONGEST - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


class Surroundings:
    """Within it prints and warnings are kept, the global random generators start from a seed, and `input` refuses.

    Everything is put back afterwards, so that a check leaves no trace in a notebook.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.page = _Page()
        self.caught: list[warnings.WarningMessage] = []

    def __enter__(self) -> "Surroundings":
        self.stack = contextlib.ExitStack()
        self.stack.callback(restore_random, random_state())
        self.stack.callback(setattr, builtins, "input", builtins.input)
        self.stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        builtins.input = _no_input
        seed_random(self.seed)
        torch.set_grad_enabled(True)
        self.stack.enter_context(contextlib.redirect_stdout(self.page))
        self.caught = self.stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stack.close()

    @property
    def printed(self) -> str:
        """What was printed, its beginning."""
        return self.page.getvalue()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The different warnings, as text."""
        texts = [f"{found.category.__name__}: {found.message}" for found in self.caught]
        return tuple(dict.fromkeys(texts))[:MOST_WARNINGS]


def _no_input(*args: Any) -> NoReturn:
    raise RuntimeError("input() is not available here: everything that your code needs comes in its arguments.")
