"""The student's side: carries out what a check asks, against the namespace in which the student's code lives.

    server = Server(namespace)
    outcome = server.exchange(request)  # one request in, one outcome out, both as bytes

The notebook uses it in its own process, the judge in a sandbox. It knows no checks, no expected values and no marks.
"""

import inspect
import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from storyteller_course.exercises.equality import is_tensor
from storyteller_course.exercises.fixtures import build
from storyteller_course.runner import student_errors
from storyteller_course.runner.call_contexts import ForbiddenCalls, Isolation
from storyteller_course.runner.gradients import vector_jacobian
from storyteller_course.runner.protocol import (
    FROM_STUDENT,
    CallBack,
    Outcome,
    Request,
    read_request,
    write_outcome,
)
from storyteller_course.runner.serialization import Fixture, Reference, Unsendable, decode, encode
from storyteller_course.runner.student_errors import StudentError
from storyteller_course.runner.time_limit import TimeIsUp, TimeLimit

Namespace = dict[str, Any]


class Server:
    """Serves requests against a namespace; keeps the objects that they make until they are forgotten."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.objects: dict[int, Any] = {}
        self.numbers = itertools.count(1)

    def exchange(self, message: bytes, *, seconds: float = 0.0, call_back: CallBack | None = None) -> bytes:
        """Carry out a request; returns its outcome. Whatever the student's code does wrong is in the outcome.

        Args:
            message: the request.
            seconds: how long the check waits; here the request's own limit holds, which is the same.
            call_back: carries the calls of the check's callbacks to the check.
        """
        request = read_request(
            message, lambda reference: self.objects[reference.number], lambda item: self._adopt(item, call_back)
        )
        arguments = [*request.args, *request.kwargs.values()]
        before = [_fingerprint(argument) for argument in arguments]
        value, error = None, None
        with Isolation(request.seed) as isolation, ForbiddenCalls(request.forbidden, self.namespace) as forbidden_calls:
            try:
                with TimeLimit(request.limit):
                    value = self._perform(request)
            except TimeIsUp as stop:
                error = student_errors.too_slow(request.limit, stop.seconds)
            except StudentError as fault:
                error = fault
            except KeyboardInterrupt:  # the user's own
                raise
            except BaseException as exception:  # noqa: BLE001  whatever a student's code raises, exits included
                error = student_errors.raised(exception, self.namespace, parameters=self._parameters(request))
        after = [_fingerprint(argument) for argument in arguments]
        changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        outcome = Outcome(
            value=value,
            error=error,
            mutated=tuple(self._argument_name(request, index) for index in changed),
            printed=isolation.printed,
            warnings=isolation.warnings,
            shortcut=forbidden_calls.shortcut(value, arguments, error),
        )
        try:
            return write_outcome(outcome, self._keep if request.op in ("new", "make") else None)
        except Unsendable as why:
            return write_outcome(Outcome(error=student_errors.not_data(value, str(why)), printed=outcome.printed))

    def _perform(self, request: Request) -> Any:
        """Do what a request asks for; it is here that the student's code is called."""
        match request.op:
            case "forget":  # the objects of the next case have the same numbers, whatever ran before it
                self.objects.clear()
                self.numbers = itertools.count(1)
                return None
            case "make":
                return build(str(request.target), request.args, request.kwargs)
            case "load":
                target, [state] = self._target(request), request.args
                dtypes = {value.dtype for value in state.values() if is_tensor(value) and value.dtype.is_floating_point}
                if len(dtypes) == 1 and hasattr(target, "named_parameters"):
                    target.to(dtypes.pop())  # a module takes on the state's precision: a check may compare in float64
                target.load_state_dict(state)
                return None
            case "get":
                return self._attribute(request)
            case "condition":
                module = self._target(request)
                parameters = dict(module.named_parameters())
                return {
                    "training": {name: one.training for name, one in module.named_modules()},
                    "requires_grad": {name: one.requires_grad for name, one in parameters.items()},
                    "grad": {name: one.grad for name, one in parameters.items()},
                }
        function = self._function(request)
        if request.op == "gradients":
            return vector_jacobian(function, request.args, request.kwargs, request.cotangent)
        value = function(*request.args, **request.kwargs)
        if request.op != "take":
            return value
        if not isinstance(value, Iterable):
            raise student_errors.not_iterable(value)
        items = list(itertools.islice(value, request.count))
        with suppress(AttributeError):
            value.close()  # type: ignore[attr-defined]
        return items

    def _target(self, request: Request) -> Any:
        """The object with the request's number, or what the student's code has under the request's name."""
        if isinstance(request.target, int):
            return self.objects[request.target]
        if request.target not in self.namespace:
            raise student_errors.missing(request.target)
        return self.namespace[request.target]

    def _attribute(self, request: Request) -> Any:
        value = self._target(request)
        for name in request.name.split("."):
            value = getattr(value, name)
        return value

    def _function(self, request: Request) -> Callable[..., Any]:
        function: Callable[..., Any] = self._attribute(request) if request.name else self._target(request)
        if not callable(function):
            raise student_errors.not_callable(str(request.name or request.target), function)
        return function

    def _argument_name(self, request: Request, index: int) -> str:
        """The parameter that the argument with this index goes to; arguments by name come last."""
        if index >= len(request.args):
            return list(request.kwargs)[index - len(request.args)]
        names = self._parameters(request)
        return names[index] if index < len(names) else f"argument {index + 1}"

    def _parameters(self, request: Request) -> list[str]:
        """The names of the function's parameters, none where they cannot be found out."""
        try:
            return list(inspect.signature(self._function(request)).parameters)
        except (ValueError, TypeError, AttributeError, StudentError):
            return []

    def _keep(self, value: object) -> Reference:
        number = next(self.numbers)
        self.objects[number] = value
        return Reference(number, type(value).__name__)

    def _adopt(self, item: Reference | Fixture, call_back: CallBack | None) -> Any:
        """A callback of the check's as a function; a fixture as what it builds."""
        if isinstance(item, Fixture):
            return build(item.name, item.args, item.kwargs)

        def ask(*args: Any, **named: Any) -> Any:
            if call_back is None:
                raise RuntimeError("This side has no way to call back.")
            reply = call_back(encode((item.number, args, named), limits=FROM_STUDENT))
            kind, value = decode(reply, adopt=lambda item: self._adopt(item, call_back))
            if kind == "failed":
                raise RuntimeError(value)
            return value

        return ask


def _fingerprint(value: Any) -> bytes:
    """Bytes that change when the value does; of what is not data only which object it is."""
    try:
        return encode(value, keep=lambda thing: Reference(id(thing)))
    except Unsendable:
        return b""
