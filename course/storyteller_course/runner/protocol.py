"""What crosses between a check and a student's code: a request one way, an outcome the other, both as plain bytes.

The check runs on one side, the student's functions on the other: in the notebook both live in one process, in the
judge the student's side is a sandbox. Either way a message is made here, by `write_request` and `write_outcome`, and
only values cross, so that both places agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol

from storyteller.errors import StorytellerError
from storyteller_course.runner.serialization import Adopt, Keep, Limits, Malformed, Resolve, decode, encode
from storyteller_course.runner.student_errors import StudentError

# Of one result or one callback of a student's code; what a lesson asks for has less than 100 kB. The check's side keeps
# the results of all cases until the page is written.
FROM_STUDENT = Limits(body=4 << 20, header=1 << 20)
MAX_CASE_BYTES = 4 << 20  # of all results and callbacks of a case
MAX_MESSAGE_CHARS = 2_000
MAX_CODE_CHARS = 200
MAX_NAME_CHARS = 100
MAX_PRINTED_CHARS = 20_000
MAX_NOTES = 20  # warnings, names of arguments, classes of an exception
ERROR_KINDS = frozenset({"missing", "unfinished", "raised", "timeout", "type", "shortcut", "died"})

Operation = Literal[
    "call",  # target(*args, **kwargs), target a name
    "new",  # target(*args, **kwargs) of a class; the outcome is the number of the new object
    "make",  # the fixture `target`, built beside the student's code; the outcome is its number
    "load",  # the object with number `target` loads the state in args[0]
    "method",  # the method `name` of an object; "" calls the object itself
    "get",  # the attribute `name` of an object, dots allowed
    "gradients",  # of a named function, an object, or its method `name`
    "take",  # at most `count` items of the generator that `target` (or its method `name`) returns
    "condition",  # of a module: its mode, what of it is trained, its gradients
    "forget",  # all objects made so far
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing that a check asks of a student's code."""

    op: Operation
    target: str | int = ""  # a name in the student's namespace, or the number of an object
    name: str = ""  # an attribute or a method of the object
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    count: int = 0  # take: how many items at most
    cotangent: Any = None  # gradients: what is multiplied with the outputs; None for ones
    limit: float = 5.0  # seconds
    seed: int = 0  # of the global random generators, so that notebook and judge see the same numbers
    forbidden: tuple[str, ...] = ()  # dotted names whose call would be the answer itself


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a request."""

    value: Any = None
    error: StudentError | None = None
    mutated: tuple[str, ...] = ()  # the arguments that were changed in place
    printed: str = ""  # what the student's code printed, bounded
    warnings: tuple[str, ...] = ()
    shortcut: str = ""  # the forbidden name that was called, and whose result is behind the value
    echo: bool = False  # the value is one of the arguments
    trivial: bool = False  # it is that, or nothing: None, zeros, NaN, an error, an object that was only made
    tells: bool = False  # the value tells more than chance, zeros or an argument would: see evidence.py
    seconds: float = 0.0


class TransportFault(StorytellerError):
    """The way to a student's code is broken, for a fault that is not the student's: it must cost no points."""


# Carries a callback, as bytes, to the check's side and brings the bytes of its result back.
CallBack = Callable[[bytes], bytes]


class Transport(Protocol):
    """Carries requests to a student's code: in this process (`in_process.py`), or in the judge's sandbox."""

    def exchange(self, request: bytes, *, seconds: float, call_back: CallBack) -> bytes:
        """Carry a request there and its outcome back; callbacks go through `call_back` in the meantime.

        Raises:
            StudentError: "timeout", "died" or "spent", where the other side gives no answer.
            TransportFault: it cannot be asked, for a fault that is not the student's.
        """
        ...

    def renew(self) -> None:
        """Begin anew with code of which nothing has run; in the judge in a process of its own."""
        ...


def write_request(request: Request, keep: Keep | None = None) -> bytes:
    """A request as bytes; `keep` numbers the callbacks among its arguments."""
    return encode({field.name: getattr(request, field.name) for field in fields(request)}, keep=keep)


def read_request(message: bytes, resolve: Resolve, adopt: Adopt) -> Request:
    """The request in a message; `resolve` looks objects up, `adopt` makes callbacks callable and builds fixtures."""
    return Request(**decode(message, resolve=resolve, adopt=adopt))


def write_outcome(outcome: Outcome, keep: Keep | None = None) -> bytes:
    """An outcome as bytes; `keep` numbers an object that stays with the student's code.

    Raises:
        Unsendable: its value is not plain data.
    """
    error = outcome.error
    fault = error and (
        error.kind,
        error.message[:MAX_MESSAGE_CHARS],
        error.names[:MAX_NOTES],
        error.line,
        error.code[:MAX_CODE_CHARS],
        error.of,
    )
    notes = (
        outcome.mutated[:MAX_NOTES],
        outcome.printed[:MAX_PRINTED_CHARS],
        outcome.warnings[:MAX_NOTES],
        outcome.shortcut,
    )
    return encode((outcome.value, fault, notes), keep=keep, limits=FROM_STUDENT)


def read_outcome(message: bytes, adopt: Adopt | None = None) -> Outcome:
    """The outcome in a message that the student's side wrote, and may have written to deceive.

    Raises:
        StudentError: it is not a message that `write_outcome` makes.
    """
    try:
        value, fault, notes = _tuple_of(3, decode(message, adopt=adopt, limits=FROM_STUDENT))
        mutated, printed, warnings, shortcut = _tuple_of(4, notes)
        error = None
        if fault is not None:
            kind, text, names, line, code, of = _tuple_of(6, fault)
            if kind not in ERROR_KINDS or type(line) is not int:
                raise Malformed("an unknown kind of error")
            error = StudentError(
                kind,
                _text(text, MAX_MESSAGE_CHARS),
                names=_texts(names, MAX_NAME_CHARS),
                line=line,
                code=_text(code, MAX_CODE_CHARS),
                of=_text(of, MAX_NAME_CHARS),
            )
        return Outcome(
            value=value,
            error=error,
            mutated=_texts(mutated, MAX_NAME_CHARS),
            printed=_text(printed, MAX_PRINTED_CHARS),
            warnings=_texts(warnings, MAX_MESSAGE_CHARS),
            shortcut=_text(shortcut, MAX_NAME_CHARS),
        )
    except Malformed as malformed:
        raise StudentError("type", f"The answer could not be read ({malformed}).") from None


def _tuple_of(length: int, value: Any) -> Any:
    if type(value) is not tuple or len(value) != length:
        raise Malformed(f"not a tuple of {length}")
    return value


def _text(value: Any, max_chars: int) -> str:
    if type(value) is not str:
        raise Malformed("not a text")
    return value[:max_chars]


def _texts(values: Any, max_chars: int) -> tuple[str, ...]:
    if type(values) is not tuple:
        raise Malformed("not a tuple of texts")
    return tuple(_text(value, max_chars) for value in values[:MAX_NOTES])
