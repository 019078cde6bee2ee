"""The library's docstrings for Sphinx, which takes them for reStructuredText; they are written to be read as text.

A block that is indented or has columns (a table of files, a command, a picture) keeps its lines, and what stands
between backticks is code.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx

SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes|Example|Examples|Note):$")
COLUMNS = re.compile(r"\S+( \S+)* {2,}\S")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LIST = (">>>", "- ", "* ", "1. ")


def readable(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Rewrite the lines of a docstring in place."""
    made: list[tuple[str, bool]] = []  # a line, and whether it is text
    literal = ""  # what keeps its lines just now: "indented", "columns", "doctest" or nothing
    in_section = False
    for i, line in enumerate(lines):
        is_first = i == 0 or not lines[i - 1]  # of a paragraph
        indented = line.startswith(" ")
        before = made[-1][0] if made else ""
        if line and not indented and not (literal == "columns" and not is_first):
            in_section = bool(SECTION.match(line))
            made += [("", False)] * bool(literal and before)
            literal = "columns" if is_first and COLUMNS.match(line) else ""
        elif indented and not in_section and not literal and (is_first or before.endswith(":")):
            made += [("", False)] * bool(before)
            literal = "" if line.lstrip().startswith(LIST) else "indented"
        else:
            literal = literal if line or literal != "doctest" else ""
            made.append((f"   {line}" if line and literal in ("indented", "columns") else line, not literal))
            continue
        if line.lstrip().startswith(">>>"):
            literal = "doctest"
        if literal in ("indented", "columns"):
            made.append((".. code-block:: text", False))
            made += [("   :class: columns", False)] * (literal == "columns")  # long lines are wrapped, not cut
            made.append(("", False))
        made.append((f"   {line}" if literal in ("indented", "columns") else line, not literal))
    runs = groupby(made, key=lambda one: one[1])
    texts = [
        "\n".join(line for line, _ in run) if not is_text else marked("\n".join(line for line, _ in run))
        for is_text, run in runs
    ]
    lines[:] = "\n".join(texts).split("\n")


def marked(text: str) -> str:
    """A text with its code marked as reStructuredText has it, and nothing else taken for markup."""
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        parts[i] = parts[i].replace("|", "\\|")
        if i and re.match(r"\w", parts[i]):
            parts[i] = "\\ " + parts[i]
    return "".join(f"``{part}``" if i % 2 else part for i, part in enumerate(parts))


def setup(app: Sphinx) -> dict[str, Any]:
    """Run before napoleon, which takes the sections apart."""
    app.connect("autodoc-process-docstring", readable, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
