"""The `student` that a case gets: the student's functions by name, though only values ever cross.

    student.count_pairs(words)                            # a function
    router = student.new("Router", d_model=8, n_experts=4)  # a class; then:
    router.load(state); router(x); router.get("weight"); router.method("reset"); router.gradients(x, cotangent=g)
    student.gradients("attend", q, k, v, cotangent=g)     # outputs and gradients, as values
    student.take("stream", 20, prompt)                    # at most 20 items of a generator
    model = student.make("tiny_model", seed=1)            # built by a recipe; an argument of later calls
    student.fresh()                                       # from here on in a new process, which knows nothing

A Python function among the arguments is a callback: it runs on the check's side.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from storyteller_course.exercises.equality import kind_of
from storyteller_course.exercises.stand_ins import STAND_INS
from storyteller_course.runner.frames import read_outcome, write_request
from storyteller_course.runner.protocol import Channel, Outcome, Request, StudentError
from storyteller_course.runner.serialization import Reference, decode, encode

LEAST = 0.2  # seconds that a call gets even where the case's time is nearly spent


class Gradients(NamedTuple):
    """What `gradients` returns; None stands where something has no gradient."""

    outputs: Any
    inputs: list[Any]  # one for each positional argument
    keywords: dict[str, Any]  # by the argument's name
    parameters: dict[str, Any]  # of the module, by name


class Student:
    """One case's view of a student's code. It remembers every outcome, which the diagnosis compares.

    Args:
        channel: the way to the student's code.
        limit: seconds for all calls of the case together.
        forbidden: dotted names whose call would be the answer itself.
        seed: a text; the global random generators on the student's side start from it, anew at each call.
    """

    def __init__(
        self, channel: Channel, *, limit: float = 5.0, forbidden: tuple[str, ...] = (), seed: str = ""
    ) -> None:
        self._channel, self._left, self._limit = channel, limit, limit
        self._forbidden, self._seed = forbidden, seed
        self._callbacks: list[Callable[..., Any]] = []
        self._failed_callback: BaseException | None = None
        self._outcomes: list[Outcome] = []
        self._objects = False  # does the other side keep any?

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self._ask("call", target=name, args=args, kwargs=kwargs)

    def new(self, class_name: str, *args: Any, **kwargs: Any) -> "Instance":
        """An object of the student's class."""
        return Instance(self, _exact(Reference, self._ask("new", target=class_name, args=args, kwargs=kwargs)))

    def make(self, recipe: str, *args: Any, **kwargs: Any) -> "Instance":
        """An object that a recipe of `course/recipes.py` builds beside the student's code."""
        return Instance(self, _exact(Reference, self._ask("make", target=recipe, args=args, kwargs=kwargs)))

    def gradients(self, name: str, *args: Any, cotangent: Any = None, **kwargs: Any) -> Gradients:
        """Outputs of the student's function, and its gradients weighed with `cotangent` (ones when None)."""
        return _gradients(self._ask("gradients", target=name, args=args, kwargs=kwargs, cotangent=cotangent))

    def take(self, name: str, count: int, *args: Any, **kwargs: Any) -> list[Any]:
        """The first `count` items, or fewer where it ends sooner, of what the student's generator yields."""
        items: list[Any] = _exact(list, self._ask("take", target=name, args=args, kwargs=kwargs, count=count))
        return items[:count]

    def fresh(self, folder: "Instance | None" = None) -> "Instance | None":
        """Go on with the student's code as it is when nothing has run yet: as after a run that was killed.

        All objects are gone, but for the files of a folder (made by the recipe `folder`), which are carried over.

        Returns:
            the same folder for the new process; None where none was given.
        """
        files = None
        if folder is not None:
            files = folder.method("files")
            # What saves the same run may write other bytes in another process; a diagnosis must not compare them.
            self._outcomes.pop()
        self._channel.renew()
        self._objects = False
        return None if folder is None else self.make("folder", files)

    @property
    def mutated(self) -> tuple[str, ...]:
        """The arguments that the last call changed in place."""
        return self._outcomes[-1].mutated if self._outcomes else ()

    @property
    def last_value(self) -> Any:
        """What the last call gave back."""
        return self._outcomes[-1].value if self._outcomes else None

    def close(self) -> list[Outcome]:
        """Let go of the objects on the student's side; returns the outcomes of all calls."""
        if self._objects:
            with contextlib.suppress(StudentError):
                self._exchange(Request(op="forget"))
        return self._outcomes

    def _ask(self, op: str, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **rest: Any) -> Any:
        """Send a request; returns the value that comes back, or raises what went wrong."""
        request = Request(
            op=op,
            args=tuple(_sendable(value) for value in args),
            kwargs={name: _sendable(value) for name, value in (kwargs or {}).items()},
            limit=max(self._left, LEAST),
            seed=self._number(),
            forbidden=self._forbidden,
            **rest,
        )
        self._objects = self._objects or op in ("new", "make")
        outcome = self._exchange(request)
        self._outcomes.append(outcome)
        if self._failed_callback is not None:
            raise self._failed_callback
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def _exchange(self, request: Request) -> Outcome:
        frame = write_request(request, self._keep)
        start = time.perf_counter()
        try:
            reply = self._channel.exchange(frame, seconds=request.limit, call_back=self._call_back)
            outcome = read_outcome(reply, (lambda found: found) if request.op in ("new", "make") else None)
        except StudentError as silence:
            outcome = Outcome(error=silence)
        seconds = time.perf_counter() - start
        self._left -= seconds
        error = outcome.error
        if outcome.shortcut and (error is None or error.kind == "raised"):
            error = _shortcut(outcome.shortcut)
        elif error is not None and error.kind == "timeout":
            error = StudentError("timeout", error.message.replace(f"{request.limit:.0f} sec", f"{self._limit:.0f} sec"))
        values = {name: getattr(outcome, name) for name in ("value", "mutated", "printed", "warnings", "shortcut")}
        return Outcome(error=error, seconds=seconds, **values)

    def _number(self) -> int:
        """The seed of the next call: the same in the notebook, in the judge and for a known wrong answer."""
        text = f"{self._seed}\0{len(self._outcomes)}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    def _keep(self, value: object) -> Reference:
        if not callable(value):
            raise TypeError(f"A check passed {type(value).__name__}, which is neither data nor a function.")
        self._callbacks.append(value)
        return Reference(len(self._callbacks) - 1, "callback")

    def _call_back(self, frame: bytes) -> bytes:
        """Run one of the check's own functions with what the student's code calls it with."""
        try:
            number, args, kwargs = _exact(tuple, decode(frame))
            return encode(("value", self._callbacks[number](*args, **kwargs)))
        except Exception as error:  # noqa: BLE001  kept, and raised in the case once the call is over
            self._failed_callback = self._failed_callback or error
            return encode(("failed", "The check stopped here."))


class Instance:
    """An object on the student's side."""

    def __init__(self, student: Student, reference: Reference) -> None:
        self._student, self._reference = student, reference

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object itself."""
        return self.method("", *args, **kwargs)

    call = __call__

    def method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the object."""
        return self._ask("method", name=name, args=args, kwargs=kwargs)

    def load(self, state: dict[str, Any]) -> None:
        """`load_state_dict(state)`, of a module in the precision of the state's numbers."""
        self._ask("load", args=(state,))

    def state(self) -> dict[str, Any]:
        """`state_dict()`, as a plain dictionary."""
        values: dict[str, Any] = self.method("state_dict")
        return values

    def get(self, name: str) -> Any:
        """An attribute; dots go deeper."""
        return self._ask("get", name=name)

    def gradients(self, *args: Any, cotangent: Any = None, name: str = "", **kwargs: Any) -> Gradients:
        """As `student.gradients`, of the object itself or of its method `name`; parameters are the module's."""
        return _gradients(self._ask("gradients", name=name, args=args, kwargs=kwargs, cotangent=cotangent))

    def take(self, name: str, count: int, *args: Any, **kwargs: Any) -> list[Any]:
        """As `student.take`, of the method `name`."""
        items: list[Any] = _exact(list, self._ask("take", name=name, args=args, kwargs=kwargs, count=count))
        return items[:count]

    def _ask(self, op: str, **request: Any) -> Any:
        return self._student._ask(op, target=self._reference.number, **request)


def _exact(kind: type, value: Any) -> Any:
    """What comes from the student's side may be anything; it goes on only if it is of this type."""
    if type(value) is not kind:
        raise StudentError("type", f"The answer is {kind_of(value)}, which does not belong here.")
    return value


def _gradients(found: Any) -> Gradients:
    if type(found) is not dict or tuple(found) != Gradients._fields:
        raise StudentError("type", "The gradients could not be read.")
    return Gradients(**found)


def _sendable(value: Any) -> Any:
    return value._reference if isinstance(value, Instance) else value


def _shortcut(name: str) -> StudentError:
    if name.startswith(f"{STAND_INS}."):
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
