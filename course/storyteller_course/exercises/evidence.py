"""How much a result tells: agreement in a single number proves little, agreement in a tensor of odd numbers much."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storyteller_course.exercises.equality import difference, is_array, is_tensor, plain

MIN_NUMBERS = 4  # in a result that tells much
MIN_DIFFERENT = 3  # different ones among them
MIN_CHARS = 8  # of a text
MAX_NUMBERS = 10_000  # that are looked at


def tells_much(value: Any, arguments: Sequence[Any]) -> bool:
    """Is this result unlikely to come about in two ways?

    Zeros, NaN, a constant, one number, True and False, and what was among the arguments tell little.

    >>> tells_much([3, 1, 4, 1, 5], []), tells_much([3, 1, 4, 1, 5], [(3, 1, 4, 1, 5)]), tells_much(3.14159, [])
    (True, False, False)
    """
    if isinstance(value, str | bytes):
        return len(value) >= MIN_CHARS and value not in [one for one in arguments if isinstance(one, type(value))]
    numbers = list(_numbers(value, MAX_NUMBERS))
    if len(numbers) < MIN_NUMBERS or len(set(numbers)) < MIN_DIFFERENT:
        texts = list(_texts(value))
        is_argument = any(texts == list(_texts(one)) for one in arguments)
        return sum(map(len, texts)) >= MIN_CHARS and len(set(texts)) > 1 and not is_argument
    return all(numbers != list(_numbers(one, MAX_NUMBERS)) for one in arguments)


def is_same(value: Any, argument: Any) -> bool:
    """Is this result the argument, or equal to it? Numbers, which are equal by chance, are not asked for."""
    kinds = str | bytes | list | tuple | dict
    has_kind = (is_tensor(value) and is_tensor(argument)) or (isinstance(value, kinds) and isinstance(argument, kinds))
    return has_kind and difference(value, argument) is None


def is_nothing(value: Any) -> bool:
    """Is there nothing in this result: None, zeros, NaN, empty texts and containers, or containers of these?

    >>> is_nothing([0.0, {"a": ""}]), is_nothing([0.0, 1])
    (True, False)
    """
    value = plain(value)
    if is_tensor(value) or is_array(value):
        return bool(((value == 0) | (value != value)).all())
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_nothing, value))
    return value is None or (isinstance(value, int | float | complex | str | bytes) and (not value or value != value))


def _numbers(value: Any, left: int) -> Iterator[float]:
    """The finite numbers in a value, in their order; True and False are none."""
    value = plain(value)
    if is_tensor(value) or is_array(value):
        flat = value.detach().flatten() if is_tensor(value) else value.ravel()
        if str(flat.dtype).endswith("bool"):
            return
        yield from _numbers(flat[:left].tolist(), left)
    elif isinstance(value, Mapping):
        yield from _numbers(list(value.values()), left)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in list(value)[:left]:
            yield from _numbers(item, left)
    elif isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf:
        yield value


def _texts(value: Any) -> Iterator[str | bytes]:
    """The texts in a value, in their order."""
    if isinstance(value, str | bytes):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value[:MAX_NUMBERS]:
            yield from _texts(item)
