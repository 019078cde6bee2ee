"""Calls that would be the answer itself: `torch.softmax` where softmax is to be written.

An exercise may name such calls. While a student's function runs, a torch function mode sees every spelling of a torch
function (`torch.softmax`, `x.softmax`, `F.softmax`, `nn.Softmax`), and a profile function sees Python functions and
built-in ones. A call counts when the student's own code makes it; the course and the library may do as they please.
This is a courtesy that keeps an exercise an exercise. It is not a fence.
"""

import sys
from contextlib import ExitStack
from types import CodeType, FrameType, TracebackType
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_course.exercises.stand_ins import STAND_INS, resolve


class ForbiddenCalls:
    """Context manager: sees calls of the forbidden names by the student's code; `used` is the first one, or empty."""

    def __init__(self, forbidden: tuple[str, ...], namespace: dict[str, Any]) -> None:
        self.namespace, self.used = namespace, ""
        self.torch_names = {name.rpartition(".")[2]: name for name in forbidden if name.startswith("torch.")}
        self.codes: dict[int, tuple[CodeType, str]] = {}  # by identity: two functions may have equal code
        self.builtins: dict[str, str] = {}
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
                if forbidden and not calls.used and calls._by_student(sys._getframe(1)):
                    calls.used = forbidden
                return function(*args, **(kwargs or {}))

        self.stack = ExitStack()
        if self.torch_names:
            self.stack.enter_context(TorchCalls())
        if self.codes or self.builtins:
            self.stack.callback(sys.setprofile, sys.getprofile())
            sys.setprofile(self._profile)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stack.close()

    def _profile(self, frame: FrameType, event: str, what: Any) -> None:
        if self.used:
            return
        if event == "call" and id(frame.f_code) in self.codes:
            if self._by_student(frame.f_back):
                self.used = self.codes[id(frame.f_code)][1]
        elif event == "c_call" and self.builtins:
            name = self.builtins.get(getattr(what, "__qualname__", ""), "")
            if name and self._by_student(frame):
                self.used = name

    def _by_student(self, frame: FrameType | None) -> bool:
        """Is the nearest code of ours or the student's on the stack the student's?"""
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if frame.f_globals is self.namespace or module == "storyteller_course.runner.server":
                return True
            if module.startswith(("storyteller.", "storyteller_course.")) and module != __name__:
                return False
            frame = frame.f_back
        return False


def _codes(value: Any) -> set[CodeType]:
    """The code of a Python function, or of all methods of a class."""
    if isinstance(value, type):
        members = [getattr(member, "__func__", member) for member in vars(value).values()]
        return {member.__code__ for member in members if hasattr(member, "__code__")}
    function = getattr(value, "__func__", value)
    function = getattr(function, "__wrapped__", function)
    return {function.__code__} if hasattr(function, "__code__") else set()
