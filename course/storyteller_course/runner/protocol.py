"""What crosses between a check and a student's code: a request one way, an outcome the other, both plain values.

The check stands on one side, the student's functions on the other: in the notebook both live in one process, in the
judge the student's side is a sandbox. Either way only the values below cross, so that both places agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

# What a request may ask for, and what stands in `target` and `name`.
OPERATIONS = (
    "call",  # target(*args, **kwargs), target a name
    "new",  # target(*args, **kwargs) of a class; the outcome is the number of the new object
    "make",  # a given object, built by the recipe `target`; the outcome is its number
    "load",  # the object with number `target` loads the state in args[0]
    "method",  # the method `name` of an object; "" calls the object itself
    "get",  # the attribute `name` of an object, dots allowed
    "gradients",  # of a named function, an object, or its method `name`
    "take",  # at most `count` items of the generator that `target` (or its method `name`) returns
    "forget",  # all objects made so far
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing that a check asks of a student's code."""

    op: str  # one of OPERATIONS
    target: str | int = ""  # a name in the student's namespace, or the number of an object
    name: str = ""  # an attribute or a method of the object
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    count: int = 0  # take: how many items at most
    cotangent: Any = None  # gradients: what is multiplied with the outputs; None stands for ones
    limit: float = 5.0  # seconds
    seed: int = 0  # of the global random generators, so that notebook and judge see the same numbers
    forbidden: tuple[str, ...] = ()  # dotted names whose call would be the answer itself


class StudentError(Exception):
    """A student's code gave no value.

    Attributes:
        kind: "missing", "unfinished" (the untouched stub), "raised", "timeout", "type" (the result is not plain data),
            "shortcut" (a forbidden call) or "died" (the process ended).
        message: one sentence, or the text of the exception that was raised.
        names: for "raised", the class of the exception and its bases, such as ("KeyError", "LookupError", "Exception").
        line: in which line of the answer's cell it happened, counted from 1; 0 when unknown.
        code: that line.
        of: for "unfinished", the exercise whose stub it is.
    """

    def __init__(
        self, kind: str, message: str, *, names: tuple[str, ...] = (), line: int = 0, code: str = "", of: str = ""
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.names, self.line, self.code, self.of = kind, message, names, line, code, of


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a request."""

    value: Any = None
    error: StudentError | None = None
    mutated: tuple[str, ...] = ()  # the arguments that were changed in place; a courtesy, nothing is graded by it alone
    printed: str = ""  # what the student's code printed, bounded
    warnings: tuple[str, ...] = ()
    shortcut: str = ""  # the forbidden name that was called
    seconds: float = 0.0


# Carries the frame of a callback to the check's side and brings its answer back.
CallBack = Callable[[bytes], bytes]


class Channel(Protocol):
    """The way to a student's code: in this process (`local.py`) or in the judge's sandbox."""

    def exchange(self, frame: bytes, *, seconds: float, call_back: CallBack) -> bytes:
        """Carry a request there and its outcome back; callbacks go through `call_back` in the meantime.

        Raises:
            StudentError: "timeout" or "died", where the other side gives no answer.
        """
        ...

    def renew(self) -> None:
        """Begin anew with code of which nothing has run; in the judge in a process of its own."""
        ...


def given(recipe: str, *args: Any, **kwargs: Any) -> Any:
    """An argument that is not data: it is built beside the student's code by a recipe of `course/recipes.py`.

    given("generator", seed=1)
    """
    from storyteller_course.runner.serialization import Given

    return Given(recipe, args, kwargs)
