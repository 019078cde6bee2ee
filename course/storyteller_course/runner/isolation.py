"""Isolates a call of a student's code from the notebook: its prints, its warnings and its random numbers."""

import builtins
import contextlib
import io
import warnings
from types import TracebackType
from typing import Any, NoReturn

import torch

from storyteller.training.rng_state import random_state, restore_random, seed_random
from storyteller_course.runner.protocol import MAX_PRINTED_CHARS

MAX_WARNINGS = 5


class BoundedText(io.StringIO):
    """Keeps the beginning of what is printed and drops the rest."""

    def write(self, text: str, /) -> int:
        """As of a file: all of the text counts as written."""
        room = MAX_PRINTED_CHARS - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


class Isolation:
    """Context manager: captures prints and warnings, seeds the global random generators, and makes `input` refuse.

    Everything is put back afterwards, so that a check leaves no trace in a notebook.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.output = BoundedText()
        self.caught: list[warnings.WarningMessage] = []

    def __enter__(self) -> "Isolation":
        def refuse_input(*args: Any) -> NoReturn:
            raise RuntimeError("input() is not available here: everything that your code needs comes in its arguments.")

        self.stack = contextlib.ExitStack()
        self.stack.callback(restore_random, random_state())
        self.stack.callback(setattr, builtins, "input", builtins.input)
        self.stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        builtins.input = refuse_input
        seed_random(self.seed)
        torch.set_grad_enabled(True)
        self.stack.enter_context(contextlib.redirect_stdout(self.output))
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
        return self.output.getvalue()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The different warnings, as text."""
        texts = [f"{warning.category.__name__}: {warning.message}" for warning in self.caught]
        return tuple(dict.fromkeys(texts))[:MAX_WARNINGS]
