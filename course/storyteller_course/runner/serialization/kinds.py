"""What may cross, and how much of it: the parts that both directions share."""

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

HEADER_LENGTH = struct.Struct("<I")
PLAIN_INTEGERS_BELOW = 1 << 63  # beyond it an integer travels in hexadecimal
MAX_INTEGER_HEX_DIGITS = 3500  # hexadecimal digits of one integer; Python writes out at most 4300 decimal ones
MAX_DIMENSIONS = 16
MAX_TYPE_NAME_CHARS = 200  # characters in the name of a kind or of a fixture

DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.complex64,
        torch.complex128,
    )
}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
ARRAY_DTYPES = {
    name: np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}


class SerializationError(Exception):
    """A value cannot cross; the message says why in one sentence."""


class Unsendable(SerializationError):
    """This side's value has no form here, or is too large."""


class Malformed(SerializationError):
    """What the other side sent is not a body that `encode` would make."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one body may hold."""

    body: int = 256 << 20  # bytes, header and tensors together
    header: int = 16 << 20  # bytes of JSON, which grow about twentyfold as Python objects
    values: int = 2_000_000  # values in the header, containers counted
    depth: int = 32  # containers within containers
    seconds: float = 10.0  # for decoding: keys chosen to collide make a dict slow


LIMITS = Limits()


@dataclass(frozen=True)
class Reference:
    """An object that stays on the other side, called by number."""

    number: int
    kind: str = ""  # the name of its type, for messages


@dataclass(frozen=True)
class Fixture:
    """Something that the receiving side builds itself: a function of `exercises/fixtures.py` and its arguments."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def with_article(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun[:MAX_TYPE_NAME_CHARS]}"
