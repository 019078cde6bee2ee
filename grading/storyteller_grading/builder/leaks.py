"""Looks for answers where students can read: no line of an answer may stand in what is handed out.

A line counts from 20 characters on, without regard to white space, unless it is given code: a signature, a docstring,
the code of a bug hunt, a step or a goal that becomes a TODO.
"""

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nbformat.notebooknode import NotebookNode

from storyteller_course.exercises.lesson import MISTAKES
from storyteller_course.exercises.scaffold import GOAL, STEP, goal_of, steps_of
from storyteller_grading.builder.solution_regions import MarkedAnswer

MIN_SECRET_CHARS = 20  # characters of a line that gives something away

# How a file begins that has another one in it, beside zips; and one that nothing here can open.
COMPRESSED = (
    (re.compile(rb"\x1f\x8b\x08"), gzip.decompress),
    (re.compile(rb"BZh[1-9]1AY&SY"), bz2.decompress),
    (re.compile(rb"\xfd7zXZ\x00"), lzma.decompress),
)
SEALED = re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd")  # 7z, rar, zstd
UTF_16 = b"\xff\xfe", b"\xfe\xff"  # how a text begins that some editors on Windows write
# What reading a damaged or an encrypted file raises.
_UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, lzma.LZMAError, zlib.error)


class Sealed(Exception):
    """A file cannot be looked into; the message names it and says why."""


def secret_lines(answers: Iterable[MarkedAnswer], given: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The lines of the answers that no student may read, squeezed, each with its exercise's name.

    Args:
        answers: all of a lesson.
        given: the code that a bug hunt's student starts from, by exercise.
    """
    answers = list(answers)
    shown = {squeezed(line) for answer in answers for line in _shown(answer, given.get(answer.name, ()))}
    secret = {}
    for answer in answers:
        for line in "\n".join(answer.hidden()).split("\n"):
            told = STEP.match(line.strip()) or GOAL.match(line.strip()) or squeezed(line) in shown
            if len(line.strip()) >= MIN_SECRET_CHARS and not told:
                secret[squeezed(line)] = answer.name
    return secret


def leaks_in(text: str, secret: Mapping[str, str]) -> list[tuple[int, str, str]]:
    """Each line of a text that gives an answer away: its number from 0, the line, the exercise."""
    leaks = []
    for number, line in enumerate(text.split("\n")):
        packed = squeezed(line)
        if len(packed) < MIN_SECRET_CHARS / 2:
            continue
        for part, name in secret.items():
            if part in packed:
                leaks.append((number, line.strip(), name))
                break
    return leaks


def leaks_in_notebook(notebook: NotebookNode, secret: Mapping[str, str]) -> list[tuple[str, int, str, str]]:
    """The same for a notebook's sources, outputs and metadata; the cell's id comes first, "" for the notebook's own."""
    leaks = [("", *leak) for leak in leaks_in(_texts(notebook.metadata), secret)]
    for cell in notebook.cells:
        leaks += [(cell.id, *leak) for leak in leaks_in(cell.source, secret)]
        rest = {key: value for key, value in cell.items() if key not in ("source", "id")}
        leaks += [(cell.id, 0, line, name) for _, line, name in leaks_in(_texts(rest), secret)]
    return leaks


def files_within(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file and what is packed in it, and in that: `lesson.zip/01/checks/encode.py`, `corpus.txt.gz/unpacked`.

    A zip or a wheel is opened, and what gzip, bzip2 or xz have packed. A tar needs no opening: its texts stand in it.

    Raises:
        Sealed: something is encrypted, damaged or packed in a way that nothing here can open.
    """
    yield name, content
    try:
        inside = _unpacked(name, content)
    except _UNREADABLE as error:
        raise Sealed(f"{name}: {error}") from error
    for file, unpacked in inside:
        yield from files_within(file, unpacked)


def _unpacked(name: str, content: bytes) -> list[tuple[str, bytes]]:
    """What is packed in a file, one layer deep; nothing in most files."""
    if SEALED.match(content):
        raise Sealed(f"{name}: only zip, gzip, bzip2 and xz can be opened")
    for start, unpack in COMPRESSED:
        if start.match(content):
            return [(f"{name}/unpacked", unpack(content))]
    if zipfile.is_zipfile(io.BytesIO(content)):  # whatever stands before it
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [(f"{name}/{member}", archive.read(member)) for member in archive.namelist()]
    return []


def leaks_in_file(name: str, content: bytes, secret: Mapping[str, str]) -> list[tuple[int, str, str]]:
    """As `leaks_in`, of all texts of a file that is handed out: a notebook, records of mistakes, or any other.

    Args:
        name: as `files_within` has it.
        content: of the file.
        secret: from `secret_lines`.
    """
    if name.endswith(".ipynb"):
        text = _texts(json.loads(content))
    elif f"{MISTAKES}/" in name:
        from storyteller_course.runner.serialization import decode

        text = _texts(decode(content))
    else:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8", "replace")
    return leaks_in(text, secret)


def _shown(answer: MarkedAnswer, given: Sequence[str]) -> list[str]:
    """What the student of this exercise reads of it anyway."""
    lines = answer.source.split("\n")
    for start, stop in reversed(answer.regions):
        del lines[start:stop]
    for region in answer.hidden():
        lines += [*(text for text, _ in steps_of(region)), *goal_of(region)]
    for region in given:
        lines += region.split("\n")
    return lines


def _texts(value: object) -> str:
    """All texts inside plain data, a line each."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return "\n".join(_texts(part) for part in (*value.keys(), *value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return "\n".join(_texts(part) for part in value)
    return ""


def squeezed(line: str) -> str:
    """A line without white space."""
    return "".join(line.split())
