"""What goes wrong in a student's code, each as a `StudentError` with a sentence that helps."""

import inspect
import linecache
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from storyteller_course.exercises.equality import kind_of

STUB = re.compile(r": (?:fill in the TODOs|write its body)")  # of an untouched stub's message; the name is before it
MAX_EXCEPTION_CHARS = 400  # of an exception's own message
MAX_FRAMES = 5000  # of a traceback
FOLDER = re.compile(r"[^'\"]*storyteller-\w{8}(?=[/\\'\"])")  # the path of a `Folder`, which has another name each time
LOCAL_NAME = re.compile(r"\b(\w+)(?:\.\w+)*\.<locals>\.[\w.<>]+(?:\(\))?")  # of a function within a function
MAX_STOP_DELAY_S = 1.0  # after its limit code is stopped at the latest, unless it is within one long call


class StudentError(Exception):
    """A student's code gave no value.

    Attributes:
        kind: "missing", "unfinished" (the untouched stub), "raised", "timeout", "type" (the result is not plain data),
            "shortcut" (a forbidden call), "died" (the process ended) or "spent" (the whole submission's time is over).
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


def missing(name: str) -> StudentError:
    """The name is not defined."""
    return StudentError("missing", f"There is no `{name}` yet: run the cell that defines it, then run this one again.")


def not_callable(name: str, value: Any) -> StudentError:
    """The name is that of something other than a function."""
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
    if took > limit + MAX_STOP_DELAY_S:
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


def too_much(limit: int) -> StudentError:
    """The results and callbacks of a case are too large together."""
    return StudentError(
        "type",
        f"Your code gave back, or handed to the check's functions, more than {limit >> 20} MB in this case, which "
        "needs far less: compare the shapes of your results with what the docstring promises.",
    )


def wrong_arguments(wanted: int, got: int) -> StudentError:
    """A function of the check was called with too many arguments, or too few."""
    return StudentError(
        "raised",
        f"a function that your code was given takes {wanted} argument{'s' * (wanted != 1)}, and it was called with "
        f"{got}",
        names=("TypeError", "Exception"),
    )


def unknown_argument(name: str) -> StudentError:
    """A function of the check was called with a name that none of its arguments has, or that is taken already."""
    return StudentError(
        "raised",
        f"a function that your code was given got an unexpected keyword argument {name[:40]!r}",
        names=("TypeError", "Exception"),
    )


def raised(error: BaseException, namespace: dict[str, Any], *, parameters: Sequence[str] = ()) -> StudentError:
    """The student's code raised an exception; `parameters` are the names of its function's arguments."""
    names = tuple(kind.__name__ for kind in type(error).__mro__ if kind not in (BaseException, object))
    line, code = own_line(error.__traceback__, namespace)
    if isinstance(error, RecursionError):
        message = "the function calls itself without end"
    else:
        try:
            message = str(error)
        except Exception:  # noqa: BLE001  a student's own exception may fail at this too
            message = ""
    if "a leaf Variable that requires grad" in message:  # what autograd says of `x -= 1`
        named = [f"`{name}`" for name in parameters if re.search(rf"\b{re.escape(name)}\b", code)][:1]
        message = (
            f"you change your argument {' '.join([*named, 'in place'])}, which gradients are taken for. Work on a "
            "copy, or build a new value"
        )
    message = FOLDER.sub("FOLDER", message)
    message = LOCAL_NAME.sub(lambda found: found[0] if found[1] in namespace else "a function of the check", message)
    if len(message) > MAX_EXCEPTION_CHARS:
        message = message[:MAX_EXCEPTION_CHARS] + " ..."
    if isinstance(error, NotImplementedError) and (stub := STUB.search(message)):
        exercise = message[: stub.start()]
        text = f"`{exercise}` is not written yet."
        return StudentError("unfinished", text, names=names, line=line, code=code, of=exercise)
    return StudentError("raised", message, names=names, line=line, code=code)


def own_line(traceback: TracebackType | None, namespace: dict[str, Any]) -> tuple[int, str]:
    """The last line of the student's own code on the way to the exception: its number and its text."""
    line, code = 0, ""
    depth = 0
    while traceback is not None and depth < MAX_FRAMES:
        frame = traceback.tb_frame
        if frame.f_globals is namespace:
            line = traceback.tb_lineno
            code = linecache.getline(frame.f_code.co_filename, line).strip()
        traceback, depth = traceback.tb_next, depth + 1
    return line, code


def shortcut(name: str, *, is_stand_in: bool) -> StudentError:
    """The student's code called what it is to build."""
    if is_stand_in:
        own = name.rpartition(".")[2]
        return StudentError(
            "shortcut",
            f"This is the course's own `{own}`, not yours (`use` may have put it there): run the cell with your answer "
            "once more.",
        )
    return StudentError(
        "shortcut",
        f"Your code calls `{name}`, which is the very thing that you are to build here. Write it from smaller steps; "
        "afterwards you may use the ready-made one everywhere else.",
    )
