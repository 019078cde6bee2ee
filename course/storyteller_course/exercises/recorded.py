"""What a class's copy of the checks looks up in the place of an answer: values recorded with the public seeds.

    close(student.softmax(x), recorded(3), "the weights")

A class gets no oracles. Where a case of the repository's checks computes what is right, the class's copy asks for the
next value that was recorded at this place, in this case, with this seed; `wanted.zip` has a member for each case and
seed. `storyteller_grading.release` makes both.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import zipped

Values = Mapping[int, Sequence[Any]]  # of each place in the checks, in the order in which they are asked for

_rows: list[dict[int, Iterator[Any]]] = []  # of the case that is running; empty where none is, or none is recorded


class NotRecorded(StorytellerError):
    """The class's copy of the checks asks for a value that it does not have."""


def recorded(place: int, *args: Any, **kwargs: Any) -> Any:
    """The next value of a place in the checks; arguments are there for what computing them draws.

    Raises:
        NotRecorded: there is none; the message says what to do.
    """
    try:
        return next(_rows[-1][place])
    except (LookupError, StopIteration) as error:
        raise NotRecorded(
            "These checks belong to a class and know their inputs of the public seeds alone: take the lesson's folder "
            "once more out of the zip that was handed out to you."
        ) from error


@contextmanager
def replaying(path: Path | None, exercise: str, case: str, seed: str) -> Iterator[None]:
    """Context manager: `recorded` gives the values of this case with this seed.

    Args:
        path: of `wanted.zip`; None where the checks compute for themselves.
        exercise: its name.
        case: its id.
        seed: from which the inputs are drawn.

    Raises:
        StorytellerError: the file is damaged.
    """
    if path is None:
        yield
        return
    _rows.append({place: iter(values) for place, values in _unpack(path, _member(exercise, case, seed)).items()})
    try:
        yield
    finally:
        _rows.pop()


def pack_values(values: Mapping[tuple[str, str, str], Values]) -> bytes:
    """The content of `wanted.zip`, by exercise, case and seed; the same for the same values."""
    from storyteller_course.runner.serialization import encode

    return zipped({_member(*key): encode({place: list(row) for place, row in one.items()})
                   for key, one in values.items() if one})  # fmt: skip


def _member(exercise: str, case: str, seed: str) -> str:
    return f"{exercise}/{case}/{seed}"


def _unpack(path: Path, member: str) -> Values:
    from storyteller_course.runner.serialization import Malformed, decode

    try:
        with zipfile.ZipFile(path) as archive:
            if member not in archive.namelist():
                return {}
            values = decode(archive.read(member))
        if not isinstance(values, dict):
            raise ValueError("not a table")
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, Malformed, ValueError) as error:
        raise StorytellerError(
            f"{path} is damaged ({error}): take it once more out of the lesson that was handed out to you."
        ) from error
    return values
