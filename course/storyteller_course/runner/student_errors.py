"""What goes wrong in a student's code, each as a `StudentError` with a sentence that helps."""

import inspect
import linecache
from collections.abc import Callable
from types import TracebackType
from typing import Any

from storyteller_course.exercises.equality import kind_of
from storyteller_course.runner.protocol import Request, StudentError

STUB = ": fill in the TODOs"  # what the message of an untouched stub has after the exercise's name
LONGEST = 400  # characters of an exception's own message
LATE = 1.0  # seconds after its limit that code is stopped at the latest, unless it is within one long call


def missing(name: str) -> StudentError:
    """The name is not defined."""
    return StudentError("missing", f"There is no `{name}` yet: run the cell that defines it, then run this one again.")


def not_callable(name: str, value: Any) -> StudentError:
    """The name stands for something else than a function."""
    return StudentError(
        "missing",
        f"`{name}` is {kind_of(value)}, not a function; something gave its name away. "
        "Run the cell that defines it again.",
    )


def not_data(value: Any, why: str) -> StudentError:
    """The result has no form that could be compared."""
    kind = type(value).__name__
    if inspect.isgenerator(value):
        return StudentError("type", "Your function is a generator (it has a `yield`); it should `return` its result.")
    if callable(value) and not isinstance(value, type):
        return StudentError("type", "Your function gave back a function; did you forget the parentheses of a call?")
    if kind in {"dict_keys", "dict_values", "dict_items", "range", "map", "filter", "zip", "enumerate", "reversed"}:
        return StudentError("type", f"Your function gave back a `{kind}`; make a list of it with `list(...)`.")
    return StudentError("type", f"Your function gave back something that cannot be checked: {why}.")


def not_iterable(value: Any) -> StudentError:
    """A generator was wanted."""
    return StudentError("type", f"Your function gave back {kind_of(value)}; it should `yield` its results one by one.")


def too_slow(limit: float, took: float) -> StudentError:
    """The time was up at `limit`, and the code could be stopped after `took` seconds."""
    if took > limit + LATE:
        return StudentError(
            "timeout",
            f"Your code took {took:.0f} seconds, where it has {limit:.0f} seconds. A single call in it, of Python's, "
            "numpy's or torch's own, went on for so long; such a call cannot be stopped half-way. Give it less to do.",
        )
    return StudentError(
        "timeout",
        f"Your code was stopped after {limit:.0f} seconds. Look for a loop that never ends, or for work that is done "
        "again and again inside a loop.",
    )


def raised(error: BaseException, namespace: dict[str, Any]) -> StudentError:
    """The student's code raised an exception."""
    names = tuple(kind.__name__ for kind in type(error).__mro__ if kind not in (BaseException, object))
    line, code = _place(error.__traceback__, namespace)
    message = _message(error)
    if isinstance(error, NotImplementedError) and STUB in message:
        of = message.partition(STUB)[0]
        return StudentError("unfinished", f"`{of}` has open TODOs.", names=names, line=line, code=code, of=of)
    return StudentError("raised", message, names=names, line=line, code=code)


def _message(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "the function calls itself without end"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  a student's own exception may fail at this too
        return ""
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def _place(traceback: TracebackType | None, namespace: dict[str, Any]) -> tuple[int, str]:
    """The last line of the student's own code on the way to the exception."""
    line, code = 0, ""
    steps = 0
    while traceback is not None and steps < 5000:
        frame = traceback.tb_frame
        if frame.f_globals is namespace:
            line = traceback.tb_lineno
            code = linecache.getline(frame.f_code.co_filename, line).strip()
        traceback, steps = traceback.tb_next, steps + 1
    return line, code


def argument_name(find: Callable[[Request], Callable[..., Any]], request: Request, index: int) -> str:
    """The parameter that the argument with this index goes to; arguments by name come last."""
    if index >= len(request.args):
        return list(request.kwargs)[index - len(request.args)]
    try:
        parameters = list(inspect.signature(find(request)).parameters.values())
        return parameters[index].name
    except (ValueError, TypeError, IndexError, StudentError):
        return f"argument {index + 1}"
