"""Looks for answers where students can read: no line of an answer may stand in what is handed out.

A line counts from 20 characters on, without regard to white space, unless it is given code: a signature, a docstring,
the code of a bug hunt, a step that becomes a TODO.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nbformat.notebooknode import NotebookNode

from storyteller.course.lesson import MISTAKES
from storyteller_grading.answer import STEP, Answer, steps_of

SHORTEST = 20  # characters of a line that gives something away


def secret_lines(answers: Iterable[Answer], given: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The lines of the answers that no student may read, squeezed, each with its exercise's name.

    Args:
        answers: all of a lesson.
        given: the code that a bug hunt's student starts from, by exercise.
    """
    answers = list(answers)
    shown = {_squeeze(line) for answer in answers for line in _shown(answer, given.get(answer.name, ()))}
    secret = {}
    for answer in answers:
        for line in "\n".join(answer.hidden()).split("\n"):
            if len(line.strip()) >= SHORTEST and not STEP.match(line.strip()) and _squeeze(line) not in shown:
                secret[_squeeze(line)] = answer.name
    return secret


def leaks_in(text: str, secret: Mapping[str, str]) -> list[tuple[int, str, str]]:
    """Each line of a text that gives an answer away: its number from 0, the line, the exercise."""
    found = []
    for number, line in enumerate(text.split("\n")):
        squeezed = _squeeze(line)
        if len(squeezed) < SHORTEST / 2:
            continue
        for part, name in secret.items():
            if part in squeezed:
                found.append((number, line.strip(), name))
                break
    return found


def leaks_in_notebook(notebook: NotebookNode, secret: Mapping[str, str]) -> list[tuple[str, int, str, str]]:
    """The same for a notebook's sources, outputs and metadata; the cell's id comes first, "" for the notebook's own."""
    found = [("", *leak) for leak in leaks_in(_texts(notebook.metadata), secret)]
    for cell in notebook.cells:
        found += [(cell.id, *leak) for leak in leaks_in(cell.source, secret)]
        rest = {key: value for key, value in cell.items() if key not in ("source", "id")}
        found += [(cell.id, 0, line, name) for _, line, name in leaks_in(_texts(rest), secret)]
    return found


def files_within(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file and, of a zip or a wheel, the files in it, and in those; named as `lesson.zip/01/checks.py`."""
    yield name, content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from files_within(f"{name}/{member}", archive.read(member))


def leaks_in_file(name: str, content: bytes, secret: Mapping[str, str]) -> list[tuple[int, str, str]]:
    """As `leaks_in`, of all texts of a file that is handed out: a notebook, records of mistakes, or any other.

    Args:
        name: as `files_within` has it.
        content: of the file.
        secret: from `secret_lines`.
    """
    return leaks_in(_text_of(name, content), secret)


def _text_of(name: str, content: bytes) -> str:
    """What a file says, without the escapes of its format."""
    if name.endswith(".ipynb"):
        return _texts(json.loads(content))
    if f"{MISTAKES}/" in name:
        from storyteller.course.wire import decode

        return _texts(decode(content))
    return content.decode("utf-8", "replace")


def _shown(answer: Answer, given: Sequence[str]) -> list[str]:
    """What the student of this exercise reads of it anyway."""
    lines = answer.source.split("\n")
    for start, stop in reversed(answer.regions):
        del lines[start:stop]
    for region in answer.hidden():
        lines += [text for text, _ in steps_of(region)]
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
        return "\n".join(_texts(one) for one in (*value.keys(), *value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return "\n".join(_texts(one) for one in value)
    return ""


def _squeeze(line: str) -> str:
    return "".join(line.split())
