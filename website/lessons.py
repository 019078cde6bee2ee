"""A solved notebook becomes a page to read: its answers folded, with a figure that can be played with."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

from website.links import rewrite
from website.sources import ROOT, page_of

HERE = Path(__file__).parent
# What is folded, by a cell's role in the lesson, and what the closed fold is called.
FOLDED = {
    "setup": ("hide-input", "Show the imports"),
    "answer": ("hide-input", "Show the answer"),
    "written": ("hide-cell", "Show an answer"),
    "check": ("hide-output", "Show what the check says"),
}
HEADING = re.compile(r"^(#{1,6}) (.*)$", re.MULTILINE)


def lesson_page(name: str, source: Path) -> None:
    """Write the page of a lesson, as a notebook that MyST-NB reads.

    Args:
        name: of the lesson, as in `solutions/NAME.ipynb`.
        source: the folder of Sphinx's sources.
    """
    file = f"solutions/{name}.ipynb"
    page = page_of(file)
    assert page is not None
    notebook = json.loads((ROOT / file).read_text(encoding="utf-8"))
    cells = [folded(cell) for cell in notebook["cells"] if role_of(cell) != "begin"]  # which installs the course
    level, heading = 1, ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = without_link_to_itself("".join(cell["source"]))
            # An exercise's head has level 4 in the notebook, wherever it stands; a page leaves no level out.
            is_head = role_of(cell) == "head"
            if is_head:
                text = "#" * min(4, level + 1) + text.removeprefix("####")
            for marks, words in HEADING.findall(text):
                level, heading = level if is_head else len(marks), words
            cell["source"] = rewrite(text, f"lessons/{name}/lesson.md", page, source)  # where its links are meant from
        else:  # what a picture shows stands in its title; for those who cannot see it, at least where it belongs
            about_picture = {"image": {"alt": f"A picture of “{heading}”"}}
            cell["metadata"]["mystnb"] = cell["metadata"].get("mystnb", {}) | about_picture
    if (HERE / "play" / f"{name[:2]}.html").is_file():
        place_figure(cells, name)
    cells.insert(1, {"cell_type": "markdown", "metadata": {}, "source": about(name), "id": "how-to-read"})
    notebook |= {"cells": cells, "metadata": notebook["metadata"] | {"mystnb": {"execution_mode": "off"}}}
    target = source / f"{page}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(notebook), encoding="utf-8")


def role_of(cell: dict[str, Any]) -> str:
    """What a cell is for: `"answer"`, `"check"` and so on; "" for text and demos."""
    return str(cell["metadata"].get("storyteller", {}).get("role", ""))


def folded(cell: dict[str, Any]) -> dict[str, Any]:
    """The cell with MyST-NB's tags; marks that only the notebook's machinery needs are left out."""
    cell = copy.deepcopy(cell)
    role = role_of(cell)
    if role not in FOLDED:
        return cell
    if cell["cell_type"] == "markdown":
        text = "".join(cell["source"])
        cell["source"] = f'<details class="answer"><summary>{FOLDED[role][1]}</summary>\n\n{text}\n\n</details>'
        return cell
    tag, words = FOLDED[role]
    lines = "".join(cell["source"]).split("\n")
    cell["source"] = "\n".join(line for line in lines if not line.strip().startswith(("### BEGIN", "### END")))
    cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), tag]
    cell["metadata"]["mystnb"] = {
        "code_prompt_show": words,
        "code_prompt_hide": words.replace("Show", "Hide"),
    }
    return cell


def without_link_to_itself(text: str) -> str:
    """The head of a lesson without the sentence that leads to the solution: this page is the solution."""
    return re.sub(r"\s\*\*The solution:\*\*\s\[[^\]]*\]\([^)]*\)\.", "", text)


def about(name: str) -> str:
    """What stands under the head of a lesson."""
    return (
        "```{admonition} How to read this page\n:class: note\n\n"
        "This is the solved lesson, with the outputs of a real run. Answers are folded: think first, then unfold.\n"
        "To write them yourself, with checks that say what is wrong, open the notebook:\n"
        f"`storyteller lab {name[:2]}`.\n```\n"
    )


def place_figure(cells: list[dict[str, Any]], name: str) -> None:
    """Put the lesson's figure under the heading that its first line names.

    Raises:
        ValueError: the lesson has no such heading.
    """
    first, _, body = (HERE / "play" / f"{name[:2]}.html").read_text(encoding="utf-8").partition("\n")
    heading = first.removeprefix("<!-- under: ").removesuffix(" -->")
    scripts = "".join(
        f'\n<script defer src="../_static/play/{script}.js"></script>' for script in ("elements", name[:2])
    )
    figure = {"cell_type": "markdown", "metadata": {}, "source": body.strip() + scripts, "id": "play"}
    for i, cell in enumerate(cells):
        if cell["cell_type"] == "markdown" and heading in [found[2] for found in HEADING.finditer(cell["source"])]:
            cells.insert(i + 1, figure)
            return
    raise ValueError(
        f"website/play/{name[:2]}.html wants to stand under '{heading}', and lesson {name} has no such heading"
    )
