"""The library's docstrings for Sphinx: an indented block (a table of files, a command, a picture) keeps its lines."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes|Example|Examples|Note):$")


def keep_blocks(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Make literal blocks of what stands indented after an empty line or a colon, in place."""
    kept: list[str] = []
    in_section = in_block = False
    for line in lines:
        if line and not line.startswith(" "):
            if in_block and kept[-1]:
                kept.append("")
            in_section, in_block = bool(SECTION.match(line)), False
        before = kept[-1] if kept else ""
        if line.startswith(" ") and not in_section and not in_block and (not before or before.endswith(":")):
            if before:
                kept.append("")
            if not line.lstrip().startswith((">>>", "- ", "* ", "1. ")):
                kept += [".. code-block:: text", ""]
            in_block = True
        kept.append(line)
    lines[:] = kept


def setup(app: Sphinx) -> dict[str, Any]:
    """Run before napoleon, which takes the sections apart."""
    app.connect("autodoc-process-docstring", keep_blocks, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
