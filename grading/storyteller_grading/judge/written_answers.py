"""The written answers of a submission, which people grade: found by their cell's id, or below their heading."""

import json
from pathlib import Path

from storyteller_grading.judge.released_notebook import plain
from storyteller_grading.judge.submission import Notebook


def written_answers(notebook: Notebook, release: Path) -> dict[str, str]:
    """What a student wrote, by the answer's name; "" where nothing was, or what had been there still is.

    Args:
        notebook: the submission.
        release: the notebook that was handed out.
    """
    cells = [raw for raw in json.loads(release.read_text(encoding="utf-8"))["cells"] if raw["cell_type"] == "markdown"]
    ours = {plain("".join(raw["source"])) for raw in cells}
    heads = {raw.get("id"): plain("".join(raw["source"])) for raw in cells}
    names = [raw["id"] for raw in cells if raw["metadata"].get("storyteller", {}).get("role") == "written"]
    return {name: _find(notebook, name, heads.get(f"{name}-head", ""), ours) for name in names}


def _find(notebook: Notebook, name: str, head: str, ours: set[str]) -> str:
    """One answer. A cell that was turned into code by a slip of a key counts too."""
    cells = sorted([*notebook.prose, *notebook.cells], key=lambda cell: cell.number)
    places = [index for index, cell in enumerate(cells) if cell.id == name]
    if len(places) != 1 and head:
        places = [index + 1 for index, cell in enumerate(cells[:-1]) if plain(cell.source) == head]
    for index in places:
        text = plain(cells[index].source)
        if text and text not in ours:
            return text
        below = plain(cells[index + 1].source) if index + 1 < len(cells) else ""
        if below and below not in ours and cells[index + 1] in notebook.prose:
            return below  # in a cell of the student's own
    return ""
