"""Trivial and lucky answers to any exercise, made from the reference by machine: all of them are wrong.

Each wraps the reference's function, or the methods of its class, and spoils what goes in or what comes out. `made`
gives those that an exercise can have: none transposes a text.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from storyteller_course.exercises.exercise import PUBLIC, Exercise
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.grade import run_case
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.serialization import SerializationError, encode

Namespace = dict[str, Any]
Spoil = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]  # (the right function, args, kwargs)
COARSE = {"float16": torch.float16, "bfloat16": torch.bfloat16, "int32": torch.int32}
SEEDS = (PUBLIC, "lucky 1", "lucky 2", "lucky 3")


@dataclass(frozen=True, kw_only=True)
class Lucky:
    """A lucky answer: its kind, what of the exercise it is about, and how it spoils a call."""

    kind: str
    about: str = ""
    spoil: Spoil


@dataclass(kw_only=True)
class Seen:
    """What the reference was called with on the public inputs, and what it gave."""

    calls: list[tuple[dict[str, Any], Any]] = field(default_factory=list)  # arguments by name, result


class Mismatched(Exception):
    """A size that was written in meets another one."""


def made(lesson: Lesson, exercise: Exercise) -> list[Lucky]:
    """The lucky answers of an exercise."""
    seen = observed(lesson, exercise)
    if not seen.calls:
        return []
    answers = [Lucky(kind="none", spoil=lambda right, args, kwargs: None)]
    values = [value for _, value in seen.calls]
    answers += [
        Lucky(kind="zeros", spoil=lambda right, args, kwargs: mapped(right(*args, **kwargs), torch.zeros_like, zero))
    ]
    answers += [
        Lucky(kind="NaN", spoil=lambda right, args, kwargs: mapped(right(*args, **kwargs), no_number, no_number))
    ]
    answers += [Lucky(kind="constant", spoil=lambda right, args, kwargs: values[0])]
    table = {digest(arguments): value for arguments, value in seen.calls}
    answers += [Lucky(kind="public table", spoil=lambda right, args, kwargs: looked_up(table, right, args, kwargs))]
    names = list(dict.fromkeys(name for arguments, _ in seen.calls for name in arguments))
    answers += [returning(name) for name in names if not all(same(a.get(name), v) for a, v in seen.calls)]
    answers += [frozen(name, first) for name, first in firsts(seen).items()]
    answers += [fixed_size(name, dim, size) for name, dim, size in sizes(seen)]
    tensors = [part for value in values for part in parts(value)]
    answers += [
        coarse(name, dtype) for name, dtype in COARSE.items() if any(coarser(one, dtype) is not one for one in tensors)
    ]
    if any(turned(part) is not part for part in tensors):
        answers += [Lucky(kind="transposed", spoil=lambda right, args, kwargs: mapped(right(*args, **kwargs), turned))]
    changeable = {name for arguments, _ in seen.calls for name, value in arguments.items() if can_change(value)}
    answers += [in_place(name) for name in names if name in changeable and name not in exercise.may_change]
    if any(batch_of(arguments) > 1 for arguments, _ in seen.calls):
        answers.append(Lucky(kind="batch 1 only", spoil=first_row_only))
    return answers


# --- The reference, spoiled -------------------------------------------------------------------------------------------


def spoiled(lesson: Lesson, exercise: str, spoil: Spoil) -> Namespace:
    """The reference's names, with every call of the exercise's function or methods spoiled."""
    namespace = dict(vars(lesson.reference))
    right = namespace[exercise]
    if not isinstance(right, type):

        def answer(*args: Any, **kwargs: Any) -> Any:
            return spoil(right, args, kwargs)

        answer.__signature__ = inspect.signature(right)  # type: ignore[attr-defined]
        answer.__name__ = exercise
        namespace[exercise] = answer
        return namespace

    def method(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
            return spoil(original.__get__(self), args, kwargs)

        wrapped.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        return wrapped

    own = {name: method(value) for name, value in vars(right).items()
           if isinstance(value, FunctionType) and not name.startswith("__")}  # fmt: skip
    namespace[exercise] = type(right.__name__, (right,), own)
    return namespace


def observed(lesson: Lesson, exercise: Exercise) -> Seen:
    """Run the reference on the public inputs and remember its calls."""
    seen = Seen()

    def remember(right: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        arguments = named(right, args, kwargs)
        kept = {name: copied(value) for name, value in arguments.items()}
        value = right(*args, **kwargs)
        seen.calls.append((kept, copied(value)))
        return value

    for case in exercise.cases:
        run_case(exercise, case, InProcessStudent(spoiled(lesson, exercise.name, remember)), PUBLIC, forbidden=())
    return seen


def named(right: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, as far as they are given."""
    try:
        return dict(inspect.signature(right).bind(*args, **kwargs).arguments)
    except TypeError:
        return dict(kwargs)


# --- Values -----------------------------------------------------------------------------------------------------------


def mapped(value: Any, of_tensor: Callable[[Tensor], Any], of_other: Callable[[Any], Any] = lambda one: one) -> Any:
    """The value with each tensor in it, and each other leaf, replaced."""
    if isinstance(value, Tensor):
        return of_tensor(value)
    if isinstance(value, list | tuple):
        items = [mapped(item, of_tensor, of_other) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: mapped(item, of_tensor, of_other) for key, item in value.items()}
    return of_other(value)


def parts(value: Any) -> list[Tensor]:
    """The tensors in a value."""
    found: list[Tensor] = []
    mapped(value, lambda one: found.append(one))
    return found


def zero(value: Any) -> Any:
    """Zero, in the kind of the value."""
    kinds = (bool, int, float, str, bytes, set)
    return type(value)() if isinstance(value, kinds) else value


def no_number(value: Any) -> Any:
    """NaN in the place of each float; ints, texts and the like as zero."""
    if isinstance(value, Tensor):
        return torch.full_like(value, math.nan) if value.dtype.is_floating_point else torch.zeros_like(value)
    return math.nan if isinstance(value, float) else zero(value)


def copied(value: Any) -> Any:
    """A copy of plain data; anything else as it is."""
    if isinstance(value, Tensor | list | tuple | dict):
        return mapped(value, lambda one: one.detach().clone())
    return value


def digest(value: Any) -> bytes:
    """Bytes that tell plain values apart; empty for what is not data."""
    try:
        return encode(value)
    except SerializationError:
        return b""


def same(one: Any, other: Any) -> bool:
    """Are the two the same plain data?"""
    return digest(one) == digest(other) != b""


def coarser(part: Tensor, dtype: torch.dtype) -> Tensor:
    """In the other type, where that is a coarser one of the same kind."""
    is_number = part.dtype not in (torch.bool, torch.int32)
    if is_number and part.dtype.is_floating_point == dtype.is_floating_point and part.dtype.itemsize > dtype.itemsize:
        return part.to(dtype)
    return part


def turned(part: Tensor) -> Tensor:
    """Transposed where it is square and not symmetric."""
    is_square = part.dim() >= 2 and part.size(-1) == part.size(-2) > 1
    return part.mT.contiguous() if is_square and not torch.equal(part, part.mT) else part


def can_change(value: Any) -> bool:
    """Can it be changed in place so that one sees it?"""
    return (isinstance(value, Tensor) and value.numel() > 0) or isinstance(value, list | dict)


def batch_of(arguments: dict[str, Any]) -> int:
    """The size that the first dimension of the first tensor has; 0 where that is no batch."""
    first = next((value for value in arguments.values() if isinstance(value, Tensor) and value.dim() >= 2), None)
    return 0 if first is None else first.size(0)


# --- The kinds --------------------------------------------------------------------------------------------------------


def looked_up(table: dict[bytes, Any], right: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Right where the table has the arguments, zeros elsewhere."""
    key = digest(named(right, args, kwargs))
    value = right(*args, **kwargs)
    return value if key in table and key else mapped(value, torch.zeros_like, zero)


def returning(name: str) -> Lucky:
    """The argument itself."""

    def spoil(right: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return named(right, args, kwargs).get(name)

    return Lucky(kind="returns an argument", about=name, spoil=spoil)


def firsts(seen: Seen) -> dict[str, Any]:
    """For each argument the value that it has first."""
    found: dict[str, Any] = {}
    for arguments, _ in seen.calls:
        for name, value in arguments.items():
            if digest(value):
                found.setdefault(name, value)
    return found


def frozen(name: str, first: Any) -> Lucky:
    """Right where the argument has the value that it has first."""

    def spoil(right: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        arguments = named(right, args, kwargs)
        value = arguments.get(name)
        if isinstance(first, Tensor) and isinstance(value, Tensor) and value.shape != first.shape:
            raise Mismatched(f"{name} has another shape than first")
        bound = inspect.signature(right).bind(*args, **kwargs)
        order = bound.signature.parameters
        bound.arguments = {key: {**arguments, name: first}[key] for key in order if key in arguments or key == name}
        return right(*bound.args, **bound.kwargs)

    return Lucky(kind="argument as first", about=name, spoil=spoil)


def coarse(name: str, dtype: torch.dtype) -> Lucky:
    """The right result in a coarser type."""
    return Lucky(
        kind=name,
        spoil=lambda right, args, kwargs: mapped(right(*args, **kwargs), lambda part: coarser(part, dtype)),
    )


def sizes(seen: Seen) -> Iterator[tuple[str, int, int]]:
    """Each argument, dimension and the size that it has first."""
    found: dict[tuple[str, int], int] = {}
    for arguments, _ in seen.calls:
        for name, value in arguments.items():
            if isinstance(value, Tensor):
                for dim, size in enumerate(reversed(value.shape)):
                    found.setdefault((name, -1 - dim), size)
    for (name, dim), size in found.items():
        yield name, dim, size


def fixed_size(name: str, dim: int, size: int) -> Lucky:
    """Right for one size of one dimension only."""

    def spoil(right: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        value = named(right, args, kwargs).get(name)
        if isinstance(value, Tensor) and value.dim() >= -dim and value.size(dim) != size:
            raise Mismatched(f"{name}.size({dim}) is {value.size(dim)}, not {size}")
        return right(*args, **kwargs)

    return Lucky(kind="size written in", about=f"{name}[{dim}]={size}", spoil=spoil)


def in_place(name: str) -> Lucky:
    """Right, and the argument is another one afterwards."""

    def spoil(right: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        given = named(right, args, kwargs).get(name)
        value = right(*args, **kwargs)
        if isinstance(given, Tensor) and given.numel() and not given.requires_grad:
            value = mapped(value, lambda part: part.clone())
            with torch.no_grad():
                given.copy_(~given if given.dtype == torch.bool else given + 1)
        elif isinstance(given, list) and given:
            given.append(given[0])
        elif isinstance(given, dict) and given:
            given.pop(next(iter(given)))
        return value

    return Lucky(kind="in place", about=name, spoil=spoil)


def first_row_only(right: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Right for the first row of the batch; the other rows get its result."""
    batch = batch_of(named(right, args, kwargs))
    if batch < 2:
        return right(*args, **kwargs)

    def cut(value: Any) -> Any:
        return value[:1] if isinstance(value, Tensor) and value.dim() and value.size(0) == batch else value

    value = right(*map(cut, args), **{name: cut(one) for name, one in kwargs.items()})
    return mapped(value, lambda part: part.expand(batch, *part.shape[1:]) if part.dim() and part.size(0) == 1 else part)


def loses(lesson: Lesson, exercise: Exercise, lucky: Lucky) -> bool:
    """Does this answer fail a case, with any of the seeds, or change an argument where it may not?"""
    for case in sorted(exercise.cases, key=lambda case: case.points == 0):
        for seed in SEEDS:
            student = InProcessStudent(
                spoiled(lesson, exercise.name, lucky.spoil), anew=lambda: spoiled(lesson, exercise.name, lucky.spoil)
            )
            run = run_case(exercise, case, student, seed, forbidden=())
            if run.failure is not None or (run.changed and case.points):
                return True
    return False
