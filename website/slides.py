"""A solved notebook becomes slides: its headings, the beginnings of its texts, its formulas, figures and exercises.

    page = build_slides("01_data_preparation", Path("build/slides"))

Each section of the lesson is a column of slides. Code stays in the notebook; so do answers and checks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from website.links import rewrite
from website.run_sphinx import run_sphinx
from website.sources import ROOT

HERE = Path(__file__).parent
WORDS = 75  # of running text on a slide
LEFT_OUT = ("answer", "check", "setup", "written", "try")
PREDICTION = re.compile(r'predict\(\s*"\w+",\s*(\[.*?\])', re.DOTALL)


def build_slides(name: str, out: Path) -> Path:
    """Build the slides of a lesson with reveal.js, which lies beside them.

    Args:
        name: of the lesson, as in `solutions/NAME.ipynb`.
        out: the folder in which the slides get a folder of that name.

    Returns:
        The page to open; with `?print-pdf` behind its address it prints a slide a page.

    Raises:
        StorytellerError: Sphinx has complained, or a link leads nowhere.
    """
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    source, html = folder / "source", folder / "html"
    source.mkdir(parents=True)
    notebook = json.loads((ROOT / f"solutions/{name}.ipynb").read_text(encoding="utf-8"))
    notebook["cells"] = slides(notebook["cells"], f"lessons/{name}/lesson.md", source)
    (source / "index.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    os.environ["STORYTELLER_SLIDES"] = "1"
    run_sphinx("revealjs", source, html, folder / "doctrees")
    return (html / "index.html").resolve()


def slides(cells: list[dict[str, Any]], file: str, source: Path) -> list[dict[str, Any]]:
    """The cells of the slides: level 1 is the title, level 2 begins a column, level 3 a slide below.

    Args:
        cells: of the solved notebook.
        file: where the links in its text are meant from.
        source: the folder of Sphinx's sources, into which pictures go.
    """
    made: list[dict[str, Any]] = []
    title = ""
    for cell in cells:
        role = cell["metadata"].get("storyteller", {}).get("role", "")
        if role in LEFT_OUT:
            continue
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for heading, body in sections(text):
                level = 2 if heading and len(heading) - len(heading.lstrip("#")) == 2 else 3
                title = heading.lstrip("# ") or title
                if heading.startswith("# "):
                    level = 1
                part = rewrite(shortened(body), file, "index", source)
                if heading or part.strip():
                    made.append(markdown(f"{'#' * level} {title}\n\n{part}"))
        elif found := PREDICTION.search(text):
            choices = "\n".join(f"- {choice}" for choice in strings(found[1]))
            made.append(markdown(f"### {title}\n\nWhat do you expect?\n\n{choices}"))
        elif outputs := [output for output in cell.get("outputs", []) if is_picture(output)]:
            if made[-1]["cell_type"] == "code" or len(made[-1]["source"].split()) > WORDS:
                made.append(markdown(f"### {title}"))  # otherwise it stands under the text that leads to it
            made.append(cell | {"outputs": outputs, "metadata": {"tags": ["remove-input"]}})
    return [cell | {"id": f"slide-{i}"} for i, cell in enumerate(made)]


def sections(text: str) -> list[tuple[str, str]]:
    """A markdown text in parts: (heading or "", what stands below it)."""
    parts = re.split(r"^(#{1,6} .*)$", text, flags=re.MULTILINE)
    found = [("", parts[0])] if parts[0].strip() else []
    return found + list(zip(parts[1::2], parts[2::2], strict=True))


def shortened(text: str) -> str:
    """The beginning of a text: whole paragraphs, as many as a slide holds, and every formula."""
    kept, words = [], 0
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith(("<details", "</details")):
            break
        if paragraph.startswith("$$"):
            kept.append(paragraph)
        elif words < WORDS and (not kept or words + len(paragraph.split()) <= 2 * WORDS):
            kept.append(paragraph)
            words += len(paragraph.split())
    return "\n\n".join(kept)


def is_picture(output: dict[str, Any]) -> bool:
    """A figure, a table or a text in colors; not a check's card, and not what was printed."""
    data = output.get("data", {})
    return "image/png" in data or ("text/html" in data and 'class="sty"' not in "".join(data["text/html"]))


def strings(source: str) -> list[str]:
    """The strings of a list that stands in a cell."""
    return [double or single for double, single in re.findall(r'"([^"]*)"|\'([^\']*)\'', source)]


def markdown(text: str) -> dict[str, Any]:
    """A cell with this text."""
    return {"cell_type": "markdown", "metadata": {}, "source": text}
