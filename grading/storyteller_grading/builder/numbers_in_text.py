"""Numbers in the prose that come from the run: `{{ gain:.0% }}` becomes `14%`.

Between the braces stands what an f-string would have there, in terms of the names that the cells above have defined.
The builder computes it in the notebook's own kernel, where the text stands. `build --check` computes it once more.
"""

import ast
import json
import re

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_output

MARK = re.compile(r"\{\{ (.+?) \}\}")
BRACES = re.compile(r"(?<![\w^}])\{\{([^{}]+)\}\}")  # of LaTeX's, `\frac{{a}}{b}`, the first stand behind a command


def marks_of(text: str) -> list[str]:
    """What stands between the braces, in order."""
    return MARK.findall(text)


def faulty_mark(text: str) -> tuple[str, str] | None:
    """The first mark that is no f-string's, and why; None where all are well."""
    for mark in marks_of(text):
        try:
            ast.parse(_expression(mark), mode="eval")
        except SyntaxError as error:
            return mark, error.msg
    for found in BRACES.finditer(text):
        if not MARK.fullmatch(found[0]):
            return found[1].strip(), "a space belongs inside of the braces, on both sides"
    return None


def computing(text: str) -> str:
    """The code that prints what the marks of a text stand for; it binds no name."""
    return f"print(__import__('json').dumps([{', '.join(map(_expression, marks_of(text)))}]))"


def filled(text: str, printed: str) -> str:
    """The text, with what `computing` printed in the places of its marks."""
    values = iter(json.loads(printed))
    return MARK.sub(lambda mark: next(values), text)


def values_in(text: str, committed: str) -> list[str] | None:
    """What a committed text has in the places of the marks; None where it is not made of this text."""
    parts = [re.escape(part) for part in MARK.split(text)[::2]]
    match = re.fullmatch("(.+?)".join(parts), committed, re.DOTALL)
    return list(match.groups()) if match else None


def check_cell(text: str, committed: str) -> NotebookNode:
    """A code cell whose output is what a committed text has in the places of the marks: nbval compares it."""
    printed = json.dumps(values_in(text, committed)) + "\n"
    output = new_output("stream", name="stdout", text=printed)
    cell: NotebookNode = new_code_cell(computing(text), outputs=[output], execution_count=1)
    return cell


def _expression(mark: str) -> str:
    return f'f"""{{{mark}}}"""'
