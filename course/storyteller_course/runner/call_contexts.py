"""What surrounds a call of a student's code, each a context manager: `Isolation` and `ForbiddenCalls`.

`Isolation` keeps its prints, warnings and random numbers from the notebook. `ForbiddenCalls` sees whether it calls what
would be the answer itself. `time_limit.py` bounds the time that it may take.
"""

import ast
import builtins
import io
import linecache
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from types import CodeType, FrameType, TracebackType
from typing import Any, NoReturn

import torch

from storyteller.errors import StorytellerError
from storyteller.training.rng_state import random_state, restore_random, seed_random
from storyteller_course.exercises.stand_ins import STAND_INS, resolve
from storyteller_course.runner import gradients
from storyteller_course.runner.protocol import MAX_PRINTED_CHARS
from storyteller_course.runner.student_errors import StudentError

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

        self.stack = ExitStack()
        self.stack.callback(restore_random, random_state())
        self.stack.callback(setattr, builtins, "input", builtins.input)
        self.stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        builtins.input = refuse_input
        seed_random(self.seed)
        torch.set_grad_enabled(True)
        self.stack.enter_context(redirect_stdout(self.output))
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


# --- Forbidden calls --------------------------------------------------------------------------------------------------


class ForbiddenCalls:
    """Context manager: sees calls of the forbidden names by the student's code, and what becomes of their results.

    Such a call would be the answer itself: `torch.softmax` where softmax is to be written. A torch function mode sees
    every spelling of a torch function (`torch.softmax`, `x.softmax`, `F.softmax`, `nn.Softmax`), and a profile function
    sees Python functions and built-in ones. A call counts when the student's own code makes it; the course and the
    library may do as they please.

    To compare one's own result with the ready-made one is no shortcut. So a tensor that such a call gives back is
    followed through torch's functions, and counts only where it is behind what the student's function returns. What is
    no tensor cannot be followed: there a call counts at once, unless it stands in an `assert`. In a thread that the
    student's code starts nothing is followed, and every call counts. This is a courtesy that keeps an exercise an
    exercise. It is not a fence: for a class, what an answer's code reaches is listed for its instructor.
    """

    def __init__(self, forbidden: tuple[str, ...], namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.called = self.used = ""  # the first such call; the first that counts by itself
        self.behind: dict[int, tuple[object, str]] = {}  # by identity: what comes from such a call, and from which
        self.torch_names = {name.rpartition(".")[2]: name for name in forbidden if name.startswith("torch.")}
        self.codes: dict[int, tuple[CodeType, str]] = {}  # by identity: two functions may have equal code
        self.builtins: dict[str, str] = {}
        self.passing_on: CodeType | None = None  # of our function between a torch function and whoever calls it
        for name in forbidden:
            try:
                value = resolve(name)
            except StorytellerError:
                if name.startswith(f"{STAND_INS}."):  # nothing stands in here, or nothing has been taken yet
                    continue
                raise
            codes = _codes(value)
            self.codes |= {id(code): (code, name) for code in codes}
            if not codes and name not in self.torch_names.values():
                self.builtins[getattr(value, "__qualname__", name)] = name

    def __enter__(self) -> "ForbiddenCalls":
        from torch.overrides import TorchFunctionMode

        calls = self

        class TorchCalls(TorchFunctionMode):
            """Sees each torch function before it is called, under all its spellings."""

            def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                # softmax is torch.softmax, Tensor.softmax_, torch.special.softmax and F.softmax alike
                name = getattr(function, "__name__", "").split(".")[0].removeprefix("special_").strip("_")
                forbidden = calls.torch_names.get(name, "")
                if forbidden and calls._by_student(sys._getframe(1)):
                    calls.called = calls.called or forbidden
                else:
                    forbidden = calls._origin([args, kwargs or {}]) if calls.behind else ""
                result = function(*args, **(kwargs or {}))
                if isinstance(result, Iterator):  # of a tensor's rows
                    result = iter(rows := list(result))
                    calls._mark(rows, forbidden)
                if forbidden:
                    calls._mark(result, forbidden)
                    method = getattr(function, "__name__", "")
                    if method in ("__setitem__", "__set__") or (method.endswith("_") and method[:2] != "__"):
                        calls._mark(args[:1], forbidden)
                return result

        self.passing_on = TorchCalls.__torch_function__.__code__
        self.stack = ExitStack()
        if self.torch_names or self.codes:
            self.stack.enter_context(TorchCalls())
        if self.codes or self.builtins:
            self.stack.callback(sys.setprofile, sys.getprofile())
            sys.setprofile(self._profile)
        if self.codes or self.builtins or self.torch_names:
            self.stack.callback(threading.setprofile, threading.getprofile())  # type: ignore[arg-type]
            threading.setprofile(self._profile_thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stack.close()

    def shortcut(self, value: Any, arguments: Any, error: StudentError | None) -> str:
        """The forbidden name that is behind what a call gave back, or that it changed; empty where there is none."""
        if error is not None and error.names[:1] != ("AssertionError",):
            return self.used or self.called
        return self.used or self._origin([value, arguments])

    def _mark(self, value: Any, name: str) -> None:
        """Remember that what is in this value comes from a forbidden call."""
        for part in _parts(value) if name else ():
            self.behind[id(part)] = part, name

    def _origin(self, value: Any) -> str:
        """The forbidden name that something in this value comes from, or empty."""
        return next((self.behind[id(part)][1] for part in _parts(value) if id(part) in self.behind), "")

    def _profile(self, frame: FrameType, event: str, what: Any) -> None:
        if self.used:
            return
        if event in ("call", "return") and id(frame.f_code) in self.codes:
            name = self.codes[id(frame.f_code)][1]
            if not self._by_student(frame.f_back) or self._in_assert(frame.f_back):
                return
            self.called = self.called or name
            if event == "return":  # with what is given back
                parts = list(_parts(what))
                self._mark(parts, name)
                self.used = "" if any(isinstance(part, torch.Tensor) for part in parts) else name
        elif event == "c_call" and self.builtins:
            name = self.builtins.get(getattr(what, "__qualname__", ""), "")
            if name and self._by_student(frame) and not self._in_assert(frame):
                self.called = self.used = name

    def _profile_thread(self, frame: FrameType, event: str, what: Any) -> None:
        """In a thread that was started inside: torch's function modes are each thread's own, so there is none here."""
        name = ""
        if event == "call" and id(frame.f_code) in self.codes:
            name, frame = self.codes[id(frame.f_code)][1], frame.f_back or frame
        elif event == "c_call":
            torch_name = getattr(what, "__name__", "").removeprefix("special_").strip("_")
            name = self.builtins.get(getattr(what, "__qualname__", ""), "") or self.torch_names.get(torch_name, "")
        if name and not self.used and self._by_student(frame):
            self.called = self.used = name

    def _in_assert(self, frame: FrameType | None) -> bool:
        """Does the student's nearest line on the stack belong to an `assert`?"""
        while frame is not None and frame.f_globals is not self.namespace:
            frame = frame.f_back
        if frame is None:
            return False
        line = frame.f_lineno
        return any(start <= line <= end for start, end in _asserts(frame.f_code.co_filename))

    def _by_student(self, frame: FrameType | None) -> bool:
        """Is the nearest code of ours or the student's on the stack the student's?"""
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if frame.f_globals is self.namespace or module == "storyteller_course.runner.server":
                return True
            if frame.f_code is gradients.call.__code__:
                return True
            if module.startswith(("storyteller.", "storyteller_course.")) and frame.f_code is not self.passing_on:
                return False
            frame = frame.f_back
        return threading.current_thread() is not threading.main_thread()  # a thread's own first function


def _parts(value: Any) -> Iterator[object]:
    """What can be told apart by its identity in a value: tensors, arrays, floats, and containers' contents."""
    waiting, seen = [value], set[int]()  # a list of our own, for a value may hold itself
    while waiting:
        value = waiting.pop()
        if isinstance(value, torch.Tensor | float) or type(value).__name__ == "ndarray":
            yield value
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting += list(value.values() if isinstance(value, dict) else value)[::-1]


def _asserts(filename: str) -> list[tuple[int, int]]:
    """The first and the last line of each `assert` in a cell."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a cell with a magic in it, or nested very deep
        return []
    return [(node.lineno, node.end_lineno or node.lineno) for node in ast.walk(tree) if isinstance(node, ast.Assert)]


def _codes(value: Any) -> set[CodeType]:
    """The code of a Python function, or of all methods of a class."""
    if isinstance(value, type):
        members = [getattr(member, "__func__", member) for member in vars(value).values()]
        return {member.__code__ for member in members if hasattr(member, "__code__")}
    function = getattr(value, "__func__", value)
    function = getattr(function, "__wrapped__", function)
    return {function.__code__} if hasattr(function, "__code__") else set()
