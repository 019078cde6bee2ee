"""Looks for answers where students can read: no line of an answer may stand in what is handed out.

A line counts from 20 characters on, without regard to white space, unless it is given code: a signature, a docstring,
the code of a bug hunt, a step that becomes a TODO.
"""

from collections.abc import Iterable, Mapping, Sequence

from nbformat.notebooknode import NotebookNode

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
    if isinstance(value, Mapping):
        return "\n".join(_texts(one) for one in (*value.keys(), *value.values()))
    if isinstance(value, list | tuple):
        return "\n".join(_texts(one) for one in value)
    return ""


def _squeeze(line: str) -> str:
    return "".join(line.split())
