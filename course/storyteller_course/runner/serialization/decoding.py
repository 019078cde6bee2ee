"""From bytes that anybody may have written to a value made of exact plain types."""

import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from storyteller_course.runner.serialization.encoding import (
    ARRAY_DTYPES,
    DTYPES,
    HEADER_LENGTH,
    LIMITS,
    MAX_DIMENSIONS,
    MAX_INTEGER_HEX_DIGITS,
    MAX_TYPE_NAME_CHARS,
    PLAIN_INTEGERS_BELOW,
    Fixture,
    Limits,
    Malformed,
    Reference,
    with_article,
)

VALUES_PER_CLOCK_CHECK = 1000

Resolve = Callable[[Reference], Any]
Adopt = Callable[[Reference | Fixture], Any]


def decode(
    body: bytes | bytearray | memoryview,
    *,
    resolve: Resolve | None = None,
    adopt: Adopt | None = None,
    limits: Limits = LIMITS,
) -> Any:
    """The value that a body carries, made of exact plain types only.

    Args:
        body: what `encode` made, or what somebody who wishes us ill made.
        resolve: looks up an object of this side that the other side hands back; without it that is malformed.
        adopt: turns an object of the other side, or a fixture, into what this side uses for it; without it they stay
            `Reference` and `Fixture`.
        limits: how much the body may hold.

    Raises:
        Malformed: the body is not one that `encode` makes, or exceeds the limits.
    """
    view = memoryview(body)
    if len(view) > limits.body:
        raise Malformed(f"a body of {len(view):,} bytes, and {limits.body:,} are allowed")
    if len(view) < HEADER_LENGTH.size:
        raise Malformed("a body without a header")
    (length,) = HEADER_LENGTH.unpack_from(view)
    end = HEADER_LENGTH.size + length
    if length > limits.header or end > len(view):
        raise Malformed(f"a header of {length:,} bytes in a body of {len(view):,}")
    decoder = _Decoder(view[end:], resolve, adopt, limits)
    try:
        header = json.loads(str(view[HEADER_LENGTH.size : end], "utf-8", "surrogatepass"), parse_constant=_no_constant)
        if type(header) is not dict or list(header) != ["value"]:
            raise Malformed("a header without a value")
        value = decoder.decode(header["value"], 0)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Malformed(f"{type(error).__name__}: {str(error)[:MAX_TYPE_NAME_CHARS]}") from None
    if decoder.offset != len(decoder.data):
        raise Malformed(f"{len(decoder.data) - decoder.offset:,} bytes that belong to no tensor")
    return value


class _Decoder:
    """One walk over a header; cuts the tensors off the bytes behind it, in order."""

    def __init__(self, data: memoryview, resolve: Resolve | None, adopt: Adopt | None, limits: Limits) -> None:
        self.data = data
        self.offset = 0
        self.resolve = resolve
        self.adopt: Adopt = adopt or (lambda item: item)
        self.limits = limits
        self.values = 0
        self.deadline = time.monotonic() + limits.seconds

    def decode(self, form: object, depth: int) -> Any:
        """The value of a JSON form."""
        self.values += 1
        if self.values > self.limits.values:
            raise Malformed(f"more than {self.limits.values:,} values")
        if self.values % VALUES_PER_CLOCK_CHECK == 0 and time.monotonic() > self.deadline:
            raise Malformed(f"more than {self.limits.seconds:g} seconds to decode")
        if form is None or type(form) in (bool, str, float):
            return form if type(form) is not float or math.isfinite(form) else _no_constant(str(form))
        if type(form) is int:
            return form if abs(form) < PLAIN_INTEGERS_BELOW else _no_constant("beyond 64 bits")
        if depth > self.limits.depth:
            raise Malformed(f"nested more than {self.limits.depth} deep")
        if type(form) is list:
            return self.items(form, depth)
        return self.tagged(form, depth)

    def items(self, form: object, depth: int) -> list[Any]:
        """A list of values."""
        return [self.decode(item, depth + 1) for item in _exact(form, list)]

    def tagged(self, form: object, depth: int) -> Any:
        """A value that says what it is."""
        ((tag, content),) = _exact(form, dict).items()
        match tag:
            case "tuple":
                return tuple(self.items(content, depth))
            case "dict":
                return dict(self.pairs(content, depth))
            case "set" | "frozenset":
                kind: Callable[[Iterator[Any]], object] = set if tag == "set" else frozenset
                return kind(self.decode(item, depth + 1) for item in _exact(content, list))
            case "bytes":
                return _exact(content, str).encode("latin-1")
            case "int" | "float" | "complex":
                return self.number(tag, content)
            case "tensor" | "array":
                return self.numbers(tag, content)
            case "dtype":
                return _known(DTYPES, content)
        return self.reference(tag, content, depth)

    def pairs(self, form: object, depth: int) -> Iterator[tuple[Any, Any]]:
        """Keys and values of a dict."""
        for pair in _exact(form, list):
            key, value = _exact(pair, list)
            yield self.decode(key, depth + 1), self.decode(value, depth + 1)

    def number(self, tag: str, form: object) -> complex:
        """The numbers that JSON has no form for."""
        if tag == "complex":
            real, imaginary = (self.decode(part, self.limits.depth) for part in _exact(form, list))
            return complex(_exact(real, float), _exact(imaginary, float))
        text = _exact(form, str)
        if tag == "float":
            return float(_known({"nan": math.nan, "inf": math.inf, "-inf": -math.inf}, text))
        if len(text) > MAX_INTEGER_HEX_DIGITS + 1:
            raise Malformed(f"an integer of {len(text):,} digits")
        return int(text, 16)

    def numbers(self, tag: str, form: object) -> Tensor | np.ndarray:
        """A tensor or an array: dtype, shape, and the next bytes behind the header."""
        name, sizes = _exact(form, list)
        shape = tuple(_exact(size, int) for size in _exact(sizes, list))
        bound = math.prod(max(size, 1) for size in shape)
        if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0 or bound > self.limits.body:
            raise Malformed(f"a tensor of {len(shape)} dimensions and up to {bound:,} elements")
        if tag == "tensor":
            dtype = _known(DTYPES, name)
            raw = self.take(math.prod(shape) * dtype.itemsize)
            if not raw:
                return torch.empty(shape, dtype=dtype)
            if dtype is torch.bool:  # a byte of 2 is neither true nor false to some kernels
                return (torch.frombuffer(raw, dtype=torch.uint8) != 0).reshape(shape)
            return torch.frombuffer(raw, dtype=dtype).reshape(shape)
        array_dtype = _known(ARRAY_DTYPES, name)
        raw = self.take(math.prod(shape) * array_dtype.itemsize)
        if array_dtype == np.bool_:
            truth: np.ndarray = np.frombuffer(raw, dtype=np.uint8) != 0
            return truth.reshape(shape)
        little: np.ndarray = np.frombuffer(raw, dtype=array_dtype.newbyteorder("<"))
        return little.astype(array_dtype, copy=False).reshape(shape)

    def take(self, length: int) -> bytearray:
        """The next bytes, as a copy of their own that may be written to."""
        end = self.offset + length
        if end > len(self.data):
            raise Malformed(f"a tensor of {length:,} bytes, and {len(self.data) - self.offset:,} are left")
        raw = bytearray(self.data[self.offset : end])
        self.offset = end
        return raw

    def reference(self, tag: str, form: object, depth: int) -> Any:
        """Objects that are not data: the other side's, ours coming home, and fixtures."""
        if tag == "mine":
            number, kind = _exact(form, list)
            return self.adopt(Reference(_exact(number, int), _exact(kind, str)[:MAX_TYPE_NAME_CHARS]))
        if tag == "yours" and self.resolve is not None:
            return self.resolve(Reference(_exact(form, int)))
        if tag == "fixture":
            name, args, kwargs = _exact(form, list)
            named = _exact(self.decode(kwargs, depth + 1), dict)
            positional = _exact(self.decode(args, depth + 1), tuple)
            if not all(type(key) is str for key in named):
                raise Malformed("a fixture with arguments that have no names")
            return self.adopt(Fixture(_exact(name, str)[:MAX_TYPE_NAME_CHARS], positional, named))
        raise Malformed(f"an unexpected {str(tag)[:MAX_TYPE_NAME_CHARS]!r}")


def _exact(form: object, kind: type[Any]) -> Any:
    """The form itself if it is of exactly this type."""
    if type(form) is not kind:
        raise Malformed(f"{with_article(type(form).__name__)} where {with_article(kind.__name__)} belongs")
    return form


def _known(names: dict[str, Any], name: object) -> Any:
    """The object with this name."""
    if type(name) is not str or name not in names:
        raise Malformed(f"the unknown name {str(name)[:MAX_TYPE_NAME_CHARS]!r}")
    return names[name]


def _no_constant(name: str) -> NoReturn:
    """JSON as Python reads it knows NaN and Infinity; ours writes them as {"float": ...}."""
    raise Malformed(f"the number {name}")
