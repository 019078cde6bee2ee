"""Values as short text, whatever they are: bounded in length, and safe to print and to put into a page."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from storyteller_course.exercises.equality import brief, is_array, is_tensor

MAX_CHARS = 600  # of one value
MAX_ITEMS = 24  # of one container
MAX_DEPTH = 6  # containers within containers


def safe_repr(value: Any, *, max_chars: int = MAX_CHARS) -> str:
    """A value as text of at most about `max_chars` characters."""
    return clean(_text(value, max_chars, MAX_DEPTH), max_chars)


def clean(text: str, max_chars: int = MAX_CHARS) -> str:
    """Text without what could harm where it is shown: too long, control characters, reversed writing, half pairs."""
    if len(text) > max_chars:
        text = text[:max_chars] + f" ... ({len(text) - max_chars:,} more)"
    harmful = {
        character
        for character in set(text) - set("\n\t\u200d")  # the joiner holds composed emoji together
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")
    }
    escaped = {
        ord(character): character.encode("unicode_escape", "surrogatepass").decode("ascii") for character in harmful
    }
    return text.translate(escaped)


def _text(value: Any, room: int, depth: int) -> str:
    if is_tensor(value) or is_array(value):
        return _numbers(value)
    if isinstance(value, str):
        return repr(value if len(value) <= room else value[:room]) + (" ..." if len(value) > room else "")
    if isinstance(value, bytes | bytearray):
        return repr(bytes(value[:room])) + (" ..." if len(value) > room else "")
    if isinstance(value, float):
        return f"{value:.6g}" if value == value and abs(value) < 1e15 else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:d}" if abs(value) < 10**30 else f"a whole number of {value.bit_length()} bits"
    if isinstance(value, Mapping):
        pairs = ((_text(key, 60, depth - 1) + ": " + _text(item, room // 2, depth - 1)) for key, item in value.items())
        return _joined("{", pairs, "}", room, len(value), depth)
    if isinstance(value, list | tuple | set | frozenset):
        left, right = ("[", "]") if isinstance(value, list) else ("(", ")") if isinstance(value, tuple) else ("{", "}")
        if not value and isinstance(value, set | frozenset):
            return "set()"
        items: Iterable[Any] = value if isinstance(value, list | tuple) else sorted(value, key=brief)
        tail = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return _joined(
            left, (_text(item, room // 2, depth - 1) for item in items), tail + right, room, len(value), depth
        )
    if value is None or isinstance(value, bool | complex):
        return repr(value)
    return f"<{type(value).__name__}>"


def _joined(left: str, pieces: Iterator[str], right: str, room: int, count: int, depth: int) -> str:
    """Pieces with commas between them, as many as there is room for."""
    if depth <= 0:
        return left + "..." + right
    shown: list[str] = []
    used = 0
    for piece in pieces:
        if len(shown) == MAX_ITEMS or used > room:
            break
        shown.append(piece)
        used += len(piece) + 2
    rest = count - len(shown)
    return left + ", ".join(shown) + (f", ... {rest:,} more" if rest else "") + right


def _numbers(value: Any) -> str:
    """A tensor or an array: its numbers where they are few, and its shape and type."""
    import numpy as np
    import torch

    tensor = torch.from_numpy(value.copy()) if is_array(value) else value.detach().cpu()
    kind = "array" if is_array(value) else "tensor"
    about = f"{kind} {tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
    wide = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    numbers = np.array2string(
        wide.numpy(), precision=4, suppress_small=True, threshold=64, edgeitems=3, separator=", ", max_line_width=100
    )
    return f"{about}\n{numbers}"
