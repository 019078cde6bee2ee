"""Requests and outcomes as bytes, through the wire of `storyteller_course.runner.serialization`."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from storyteller_course.runner.protocol import Outcome, Request, StudentError
from storyteller_course.runner.serialization import Adopt, Malformed, Resolve, decode, encode

LONGEST = 2_000  # characters of a message
MOST_PRINTED = 20_000  # characters
MOST = 20  # warnings, names of arguments, classes of an exception
KINDS = frozenset({"missing", "unfinished", "raised", "timeout", "type", "shortcut", "died"})

Keep = Callable[[object], Any]


def write_request(request: Request, keep: Keep) -> bytes:
    """A request as a frame; `keep` numbers the callbacks among its arguments."""
    return encode({field.name: getattr(request, field.name) for field in fields(request)}, keep=keep)


def read_request(frame: bytes, resolve: Resolve, adopt: Adopt) -> Request:
    """The request in a frame; `resolve` looks objects up, `adopt` makes callbacks callable and builds what is given."""
    return Request(**decode(frame, resolve=resolve, adopt=adopt))


def write_outcome(outcome: Outcome, keep: Keep | None = None) -> bytes:
    """An outcome as a frame; `keep` numbers an object that stays with the student's code.

    Raises:
        Unsendable: its value is not plain data.
    """
    error = outcome.error
    parts = error and (error.kind, error.message[:LONGEST], error.names[:MOST], error.line, error.code[:200], error.of)
    notes = (outcome.mutated[:MOST], outcome.printed[:MOST_PRINTED], outcome.warnings[:MOST], outcome.shortcut)
    return encode((outcome.value, parts, notes), keep=keep)


def read_outcome(frame: bytes, adopt: Adopt | None = None) -> Outcome:
    """The outcome in a frame that the student's side wrote, and may have written to deceive.

    Raises:
        StudentError: it is not a frame that `write_outcome` makes.
    """
    try:
        value, parts, notes = _exact(decode(frame, adopt=adopt), tuple, 3)
        mutated, printed, warnings, shortcut = _exact(notes, tuple, 4)
        return Outcome(
            value=value,
            error=None if parts is None else _read_error(parts),
            mutated=_texts(mutated, 100),
            printed=_text(printed, MOST_PRINTED),
            warnings=_texts(warnings, LONGEST),
            shortcut=_text(shortcut, 100),
        )
    except Malformed as error:
        raise StudentError("type", f"The answer could not be read ({error}).") from None


def _read_error(parts: Any) -> StudentError:
    kind, message, names, line, code, of = _exact(parts, tuple, 6)
    if kind not in KINDS or type(line) is not int:
        raise Malformed("an unknown kind of error")
    return StudentError(
        kind, _text(message, LONGEST), names=_texts(names, 100), line=line, code=_text(code, 200), of=_text(of, 100)
    )


def _exact(value: Any, kind: type, length: int) -> Any:
    if type(value) is not kind or len(value) != length:  # type: ignore[arg-type]
        raise Malformed(f"not a {kind.__name__} of {length}")
    return value


def _text(value: Any, longest: int) -> str:
    if type(value) is not str:
        raise Malformed("not a text")
    return value[:longest]


def _texts(values: Any, longest: int) -> tuple[str, ...]:
    if type(values) is not tuple:
        raise Malformed("not a tuple of texts")
    return tuple(_text(value, longest) for value in values[:MOST])
