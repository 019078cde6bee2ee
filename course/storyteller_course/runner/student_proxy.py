"""The `student` that a case gets: the student's functions by name, though only values ever cross.

    student.count_pairs(words)                            # a function
    router = student.new("Router", d_model=8, n_experts=4)  # a class; then:
    router.load(state); router(x); router.get("weight"); router.method("reset"); router.gradients(x, cotangent=g)
    student.gradients("attend", q, k, v, cotangent=g)     # outputs and gradients, as values
    student.take("stream", 20, prompt)                    # at most 20 items of a generator
    model = student.make("tiny_model", seed=1)            # a fixture; an argument of later calls
    student.fresh()                                       # from here on in a new process, which knows nothing

A Python function among the arguments is a callback: it runs on the check's side, so it takes no more than its own
arguments, and what the student's code sends to it is counted, in bytes and seconds, by case. What it returns may be a
fixture.
"""

import hashlib
import inspect
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from storyteller_course.exercises.equality import kind_of
from storyteller_course.exercises.evidence import is_nothing, is_same, tells_much
from storyteller_course.exercises.stand_ins import STAND_INS
from storyteller_course.runner import student_errors
from storyteller_course.runner.protocol import (
    FROM_STUDENT,
    MAX_CASE_BYTES,
    Operation,
    Outcome,
    Request,
    Transport,
    read_outcome,
    write_request,
)
from storyteller_course.runner.serialization import Reference, decode, encode
from storyteller_course.runner.student_errors import StudentError

MIN_CALL_S = 0.2  # that a call gets even where the case's time is nearly spent


class Gradients(NamedTuple):
    """What `gradients` returns; None for what has no gradient."""

    outputs: Any
    inputs: list[Any]  # one for each positional argument
    keywords: dict[str, Any]  # by the argument's name
    parameters: dict[str, Any]  # of the module, by name


class StudentProxy:
    """One case's view of a student's code. It remembers every outcome, which the diagnosis compares.

    Args:
        transport: carries requests to the student's code.
        limit: seconds for all calls of the case together.
        forbidden: dotted names whose call would be the answer itself.
        seed: a text; the global random generators on the student's side start from it, anew at each call.
    """

    def __init__(
        self, transport: Transport, *, limit: float = 5.0, forbidden: tuple[str, ...] = (), seed: str = ""
    ) -> None:
        self._transport, self._limit, self._seconds_left = transport, limit, limit
        self._bytes_left, self._call_ends = MAX_CASE_BYTES, 0.0
        self._forbidden, self._seed = forbidden, seed
        self._callbacks: list[Callable[..., Any]] = []
        self._failed_callback: BaseException | None = None
        self._outcomes: list[Outcome] = []
        self._objects = False  # does the other side keep any?

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self._ask("call", target=name, args=args, kwargs=kwargs)

    def new(self, class_name: str, *args: Any, **kwargs: Any) -> "ObjectProxy":
        """An object of the student's class."""
        return ObjectProxy(self, _exact(Reference, self._ask("new", target=class_name, args=args, kwargs=kwargs)))

    def make(self, fixture: str, *args: Any, **kwargs: Any) -> "ObjectProxy":
        """An object that is built beside the student's code, by a function of `exercises/fixtures.py`."""
        return ObjectProxy(self, _exact(Reference, self._ask("make", target=fixture, args=args, kwargs=kwargs)))

    def gradients(self, name: str, *args: Any, cotangent: Any = None, **kwargs: Any) -> Gradients:
        """Outputs of the student's function, and its gradients weighed with `cotangent` (ones when None)."""
        return _gradients(self._ask("gradients", target=name, args=args, kwargs=kwargs, cotangent=cotangent))

    def take(self, name: str, count: int, *args: Any, **kwargs: Any) -> list[Any]:
        """The first `count` items, or fewer where it ends sooner, of what the student's generator yields."""
        items: list[Any] = _exact(list, self._ask("take", target=name, args=args, kwargs=kwargs, count=count))
        return items[:count]

    def fresh(self, folder: "ObjectProxy | None" = None) -> "ObjectProxy | None":
        """Go on with the student's code as it is when nothing has run yet: as after a run that was killed.

        All objects are gone, but for the files of a folder (the fixture `folder`), which are carried over.

        Returns:
            the same folder for the new process; None where none was given.
        """
        files = None
        if folder is not None:
            files = folder.method("files")
            # What saves the same run may write other bytes in another process; a diagnosis must not compare them.
            self._outcomes.pop()
        self._transport.renew()
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
            request = Request(op="forget")
            with suppress(StudentError):
                message = write_request(request, self._keep)
                self._transport.exchange(message, seconds=request.limit, call_back=self._call_back)
        return self._outcomes

    def _ask(
        self, op: Operation, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **rest: Any
    ) -> Any:
        """Send a request; returns the value that comes back, or raises what went wrong."""
        call_seed = hashlib.sha256(f"{self._seed}\0{len(self._outcomes)}".encode()).digest()
        request = Request(
            op=op,
            args=tuple(_sendable(value) for value in args),
            kwargs={name: _sendable(value) for name, value in (kwargs or {}).items()},
            limit=max(self._seconds_left, MIN_CALL_S),
            seed=int.from_bytes(call_seed[:4], "big"),  # the same in the notebook, in the judge, for a known answer
            forbidden=self._forbidden,
            **rest,
        )
        kwargs_values = list((kwargs or {}).values())
        makes_object = op in ("new", "make")
        self._objects = self._objects or makes_object
        message = write_request(request, self._keep)
        start = time.perf_counter()
        try:
            self._call_ends = start + request.limit
            reply = self._transport.exchange(message, seconds=request.limit, call_back=self._call_back)
            self._count(reply)
            outcome = read_outcome(reply, (lambda reference: reference) if makes_object else None)
        except StudentError as no_answer:
            outcome = Outcome(error=no_answer)
        seconds = time.perf_counter() - start
        self._seconds_left -= seconds
        error = outcome.error
        if outcome.shortcut and (error is None or error.kind == "raised"):  # counts before what it led to
            error = student_errors.shortcut(outcome.shortcut, is_stand_in=outcome.shortcut.startswith(f"{STAND_INS}."))
        elif error is not None and error.kind == "timeout":  # names the limit of the case, not what was left of it
            text = error.message.replace(f"{request.limit:.0f} sec", f"{self._limit:.0f} sec")
            error = StudentError("timeout", text)
        echo = error is None and any(is_same(outcome.value, one) for one in (*args, *kwargs_values))
        tells = error is None and op != "make" and op != "new" and tells_much(outcome.value, [*args, *kwargs_values])
        trivial = error is not None or makes_object or echo or is_nothing(outcome.value)
        outcome = replace(outcome, error=error, seconds=seconds, tells=tells, echo=echo, trivial=trivial)
        self._outcomes.append(outcome)
        if self._failed_callback is not None:
            failed, self._failed_callback = self._failed_callback, None  # a case may catch it and ask again
            raise failed
        if error is not None:
            raise error
        return outcome.value

    def _count(self, message: bytes) -> None:
        """Count what came from the student's side; raises StudentError where it is too much for one case."""
        self._bytes_left -= len(message)
        if self._bytes_left < 0:
            raise student_errors.too_much(MAX_CASE_BYTES)

    def _keep(self, value: object) -> Reference:
        if not callable(value):
            raise TypeError(f"A check passed {type(value).__name__}, which is neither data nor a function.")
        self._callbacks.append(value)
        return Reference(len(self._callbacks) - 1, "callback")

    def _call_back(self, message: bytes) -> bytes:
        """Run one of the check's own functions with what the student's code calls it with."""
        try:
            self._count(message)
            if time.perf_counter() > self._call_ends:
                raise student_errors.too_slow(self._limit, self._limit)
            number, args, named = _exact(tuple, decode(message, limits=FROM_STUDENT))
            function = self._callbacks[number]
            return encode(("value", function(*_in_order(function, args, named))))
        except Exception as error:  # noqa: BLE001  kept, and raised in the case once the call is over
            self._failed_callback = self._failed_callback or error
            return encode(("failed", "The check stopped here."))


class ObjectProxy:
    """An object on the student's side."""

    def __init__(self, student: StudentProxy, reference: Reference) -> None:
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

    def condition(self) -> dict[str, Any]:
        """Of a module: "training" of each module, "requires_grad" and "grad" of each parameter, by name."""
        values: dict[str, Any] = _exact(dict, self._ask("condition"))
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

    def _ask(self, op: Operation, **request: Any) -> Any:
        return self._student._ask(op, target=self._reference.number, **request)


def _exact(kind: type, value: Any) -> Any:
    """What comes from the student's side may be anything; it goes on only if it is of this type."""
    if type(value) is not kind:
        raise StudentError("type", f"The answer is {kind_of(value)}, which does not belong here.")
    return value


def _in_order(function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a call by position. Those with a default (`lambda x, e=e: ...`) are the check's alone.

    Raises:
        StudentError: they are too many or too few, or one has a name that the function does not have.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some built-in ones
        parameters = None
    if parameters is None or any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        own, wanted = [], len(args)  # any number, by position
    else:
        own = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
        wanted = len(own)
    for name in named:
        if name not in own[len(args) :]:
            raise student_errors.unknown_argument(name)
    if len(args) + len(named) != wanted:
        raise student_errors.wrong_arguments(wanted, len(args) + len(named))
    return (*args, *(named[name] for name in own[len(args) :]))


def _gradients(values: Any) -> Gradients:
    if type(values) is not dict or tuple(values) != Gradients._fields:
        raise StudentError("type", "The gradients could not be read.")
    return Gradients(**values)


def _sendable(value: Any) -> Any:
    return value._reference if isinstance(value, ObjectProxy) else value
