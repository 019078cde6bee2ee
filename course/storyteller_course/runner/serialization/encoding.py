"""What may cross, how much of it, and the bytes that carry it; `decoding.py` reads them."""

import json
import math
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

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


Keep = Callable[[object], Reference]


def encode(value: object, *, keep: Keep | None = None, limits: Limits = LIMITS) -> bytes:
    """The body that carries `value`.

    Args:
        value: plain data, tensors and arrays, in lists, tuples, dicts and sets.
        keep: called with each object that is not data; keeps it on this side and returns its number.
        limits: how much the body may hold.

    Raises:
        Unsendable: something in it is not data (and there is no `keep`), or it is too large.
    """
    encoder = _Encoder(keep, limits)
    try:
        header = json.dumps({"value": encoder.encode(value, 0)}, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise Unsendable(f"it is nested more than {limits.depth} deep") from None
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:  # an object that lies about its type
        raise Unsendable(f"it cannot be read ({type(error).__name__})") from None
    head = header.encode("utf-8", "surrogatepass")
    if len(head) > limits.header:
        raise Unsendable(f"it is too large: {len(head):,} bytes beside the tensors, and {limits.header:,} may cross")
    body = b"".join([HEADER_LENGTH.pack(len(head)), head, *encoder.buffers])
    if len(body) > limits.body:
        raise Unsendable(f"it is too large: {len(body):,} bytes, and {limits.body:,} may cross")
    return body


class _Encoder:
    """One walk over a value; gathers the tensors' bytes on the way."""

    def __init__(self, keep: Keep | None, limits: Limits) -> None:
        self.keep = keep
        self.limits = limits
        self.buffers: list[bytes] = []
        self.size = 0  # bytes in the buffers
        self.values = 0

    def encode(self, value: object, depth: int) -> object:
        """The JSON form of a value."""
        self.values += 1
        if self.values > self.limits.values:
            raise Unsendable(f"it is too large: more than {self.limits.values:,} values")
        if depth > self.limits.depth:
            raise Unsendable(f"it is nested more than {self.limits.depth} deep")
        if value is None or type(value) in (bool, str):
            return value
        if isinstance(value, (int, float, str, complex)):
            return self.number_or_text(value)
        if isinstance(value, (list, tuple, dict, set, frozenset, deque)):
            return self.container(value, depth + 1)
        return self.other(value, depth + 1)

    def number_or_text(self, value: complex | str) -> object:
        """Numbers and text, and subclasses of them, which may lie about themselves: the base class is asked."""
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            whole = int.__index__(value)
            if abs(whole) < PLAIN_INTEGERS_BELOW:
                return whole
            digits = f"{whole:x}"
            if len(digits) > MAX_INTEGER_HEX_DIGITS:
                raise Unsendable(f"an integer of {whole.bit_length():,} bits is too large to send")
            return {"int": digits}
        if isinstance(value, float):
            number = float.__float__(value)
            return number if math.isfinite(number) else {"float": repr(number)}
        plain = complex.__complex__(value)
        return {"complex": [self.number_or_text(plain.real), self.number_or_text(plain.imag)]}

    def container(self, value: Any, depth: int) -> object:
        """Containers, and subclasses of them, as the plain one."""
        if isinstance(value, dict):
            pairs = [[self.encode(key, depth), self.encode(item, depth)] for key, item in dict.items(value)]
            return {"dict": pairs}
        kind: Any = next(kind for kind in (list, tuple, set, frozenset, deque) if isinstance(value, kind))
        items = [self.encode(item, depth) for item in kind.__iter__(value)]
        return items if kind in (list, deque) else {kind.__name__: items}

    def other(self, value: object, depth: int) -> object:
        """Bytes, tensors, arrays, numpy scalars; what is not data is kept on this side."""
        if isinstance(value, (bytes, bytearray)):
            return {"bytes": bytes(value).decode("latin-1")}
        if type(value) in (Tensor, torch.nn.Buffer) or isinstance(value, torch.nn.Parameter):
            return {"tensor": self.tensor(value)}  # type: ignore[arg-type]
        if isinstance(value, np.generic) and type(value).__module__ == "numpy" and value.dtype.name in ARRAY_DTYPES:
            return self.encode(value.item(), depth)
        if type(value) is np.ndarray and value.dtype.name in ARRAY_DTYPES:
            little = value.astype(value.dtype.newbyteorder("<"), copy=False)
            return {"array": [value.dtype.name, self.add(value.shape, little.tobytes())]}
        if isinstance(value, torch.dtype) and value in DTYPE_NAMES:
            return {"dtype": DTYPE_NAMES[value]}
        if isinstance(value, Reference):
            return {"yours": value.number}
        if isinstance(value, Fixture):
            return {"fixture": [value.name, self.encode(value.args, depth), self.encode(value.kwargs, depth)]}
        if self.keep is None:
            raise Unsendable(
                f"{with_article(type(value).__name__)} cannot be sent; only plain data, tensors and arrays can"
            )
        kept = self.keep(value)
        return {"mine": [kept.number, kept.kind[:MAX_TYPE_NAME_CHARS]]}

    def tensor(self, tensor: Tensor) -> list[object]:
        """A tensor's dtype and shape; its bytes go to the buffers, without gradient, from any device."""
        if (
            tensor.layout is not torch.strided
            or tensor.is_quantized
            or tensor.is_meta
            or tensor.dtype not in DTYPE_NAMES
        ):
            raise Unsendable(f"a tensor of {tensor.dtype} with layout {tensor.layout} cannot be sent")
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        raw = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        return [DTYPE_NAMES[tensor.dtype], self.add(plain.shape, raw)]

    def add(self, shape: Iterable[int], raw: bytes) -> list[int]:
        """Keep the bytes of one tensor; returns its shape."""
        sizes = [int(size) for size in shape]
        if len(sizes) > MAX_DIMENSIONS:
            raise Unsendable(f"a tensor of {len(sizes)} dimensions, and {MAX_DIMENSIONS} may cross")
        self.size += len(raw)
        if self.size > self.limits.body:
            raise Unsendable(f"it is too large: tensors of more than {self.limits.body:,} bytes")
        self.buffers.append(raw)
        return sizes
