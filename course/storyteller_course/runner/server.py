"""The student's side: carries out what a check asks, against the namespace in which the student's code lives.

    server = Server(namespace)
    reply = server.answer(frame)  # one request in, one outcome out, both as bytes

The notebook uses it in its own process, the judge in a sandbox. It knows no checks, no expected values and no marks.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from storyteller_course.exercises.equality import is_tensor
from storyteller_course.exercises.fixtures import build
from storyteller_course.runner import serialization, student_errors
from storyteller_course.runner.forbidden_calls import Watch
from storyteller_course.runner.frames import MOST_PRINTED, read_request, write_outcome
from storyteller_course.runner.gradients import vector_jacobian
from storyteller_course.runner.isolation import Surroundings
from storyteller_course.runner.protocol import CallBack, Outcome, Request, StudentError
from storyteller_course.runner.time_limit import TimeIsUp, within

Namespace = dict[str, Any]


class Server:
    """Serves requests against a namespace; keeps the objects that they make until they are forgotten."""

    def __init__(self, namespace: Namespace, *, call_back: CallBack | None = None) -> None:
        self.namespace, self.call_back = namespace, call_back
        self.objects: dict[int, Any] = {}
        self.numbers = itertools.count(1)

    def answer(self, frame: bytes, call_back: CallBack | None = None) -> bytes:
        """Carry out the request in a frame; returns the frame of its outcome."""
        call_back = call_back or self.call_back
        request = read_request(frame, self._object, lambda found: self._adopt(found, call_back))
        outcome = self.carry_out(request)
        keep = self._keep if request.op in ("new", "make") else None
        try:
            return write_outcome(outcome, keep)
        except serialization.Unsendable as error:
            return write_outcome(
                Outcome(error=student_errors.not_data(outcome.value, str(error)), printed=outcome.printed)
            )

    def carry_out(self, request: Request) -> Outcome:
        """What comes of a request; whatever the student's code does wrong is in the outcome."""
        before = [_fingerprint(value) for value in _arguments(request)]
        value, error = None, None
        with Surroundings(request.seed) as around, Watch(request.forbidden, self.namespace) as watch:
            try:
                value = within(request.limit, lambda: self._perform(request))
            except TimeIsUp as end:
                error = student_errors.too_slow(request.limit, end.seconds)
            except StudentError as found:
                error = found
            except KeyboardInterrupt:  # the user's own
                raise
            except BaseException as raised:  # noqa: BLE001  whatever a student's code raises, exits included
                error = student_errors.raised(raised, self.namespace)
        after = [_fingerprint(value) for value in _arguments(request)]
        changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        return Outcome(
            value=value,
            error=error,
            mutated=tuple(self._argument_name(request, index) for index in changed),
            printed=around.printed[:MOST_PRINTED],
            warnings=around.warnings,
            shortcut=watch.used,
        )

    def _perform(self, request: Request) -> Any:
        if request.op == "forget":
            return self._forget()
        if request.op == "make":
            return build(str(request.target), request.args, request.kwargs)
        if request.op == "load":
            return _load(self._owner(request), *request.args)
        if request.op == "get":
            return self._attribute(request)
        function = self._function(request)
        if request.op == "gradients":
            return vector_jacobian(function, request.args, request.kwargs, request.cotangent)
        value = function(*request.args, **request.kwargs)
        if request.op == "take":
            return _first_items(value, request.count)
        return value

    def _forget(self) -> None:
        """Let all objects go; the next case's have the same numbers whatever ran before it."""
        self.objects.clear()
        self.numbers = itertools.count(1)

    def _owner(self, request: Request) -> Any:
        return self.objects[request.target] if isinstance(request.target, int) else self._named(request.target)

    def _named(self, name: str) -> Any:
        if name not in self.namespace:
            raise student_errors.missing(name)
        return self.namespace[name]

    def _function(self, request: Request) -> Callable[..., Any]:
        function = self._attribute(request) if request.name else self._owner(request)
        if not callable(function):
            raise student_errors.not_callable(str(request.name or request.target), function)
        found: Callable[..., Any] = function
        return found

    def _attribute(self, request: Request) -> Any:
        value = self._owner(request)
        for name in request.name.split("."):
            value = getattr(value, name)
        return value

    def _argument_name(self, request: Request, index: int) -> str:
        return student_errors.argument_name(self._function, request, index)

    def _object(self, reference: serialization.Reference) -> Any:
        return self.objects[reference.number]

    def _keep(self, value: object) -> serialization.Reference:
        number = next(self.numbers)
        self.objects[number] = value
        return serialization.Reference(number, type(value).__name__)

    def _adopt(self, found: serialization.Reference | serialization.Given, call_back: CallBack | None) -> Any:
        """A callback of the check's as a function, something given as what its recipe builds."""
        if isinstance(found, serialization.Given):
            return build(found.recipe, found.args, found.kwargs)

        def ask(*args: Any, **kwargs: Any) -> Any:
            if call_back is None:
                raise RuntimeError("This side has no way to call back.")
            kind, value = serialization.decode(call_back(serialization.encode((found.number, args, kwargs))))
            if kind == "failed":
                raise RuntimeError(value)
            return value

        return ask


def _load(owner: Any, state: dict[str, Any]) -> None:
    """Load a state; a module first takes on the state's precision, so that a check can compare in float64."""
    floats = {value.dtype for value in state.values() if is_tensor(value) and value.dtype.is_floating_point}
    if len(floats) == 1 and hasattr(owner, "named_parameters"):
        owner.to(floats.pop())
    owner.load_state_dict(state)


def _arguments(request: Request) -> list[Any]:
    return [*request.args, *request.kwargs.values()]


def _fingerprint(value: Any) -> bytes:
    """Bytes that change when the value does; nothing for what is not data."""
    try:
        return serialization.encode(value)
    except serialization.Unsendable:
        return b""


def _first_items(value: Any, count: int) -> list[Any]:
    if not isinstance(value, Iterable):
        raise student_errors.not_iterable(value)
    items = list(itertools.islice(value, count))
    with contextlib.suppress(AttributeError):
        value.close()  # type: ignore[attr-defined]
    return items
