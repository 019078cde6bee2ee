"""What befalls a notebook on its way: an editor that damages it, a student who attacks the grader.

The rehearsal's own, each with a known outcome, to show an instructor what they look like. The suites of attacks and of
damage in `tests/grading` are the thorough ones.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

Notebook = dict[str, Any]

UNREADABLE = "empty_file"  # the damage that nothing survives
EVERYTHING = "equal_to_everything"  # the attack that is an answer of its own

SCRIPT = (
    "<script>fetch('/formgrader/api/grade/1', {method: 'PUT', body: '{\"manual_score\": 10}'})</script>\n\n"
    "[my reasons](javascript:alert(document.cookie)) <img src=x onerror=alert(1)>"
)
CELLS = {
    "patched_comparison": "import torch\ntorch.allclose = torch.equal = lambda *a, **k: True\ntorch.testing = None",
    "spy": (
        "import pathlib\n"
        "for name in ('secret', 'gradebook.db', 'records.db', '../../../secret', '/etc/shadow'):\n"
        "    try:\n"
        "        print(pathlib.Path(name).read_bytes()[:200])\n"
        "    except OSError:\n"
        "        pass\n"
        "try:\n"
        "    open('../../../roster.csv', 'r+').truncate(0)\n"
        "except OSError:\n"
        "    pass"
    ),
    "program": (
        "import subprocess\n"
        "try:\n"
        "    subprocess.Popen(['sleep', '100'], start_new_session=True)\n"
        "except OSError:\n"
        "    pass"
    ),
    "leaves": "import os\nos._exit(0)",
}
EVERYTHING_CODE = """\
class _Everything:
    def __eq__(self, other):
        return True

    def __getattr__(self, name):
        return _Everything()

    def __call__(self, *args, **kwargs):
        return _Everything()


def {name}(*args, **kwargs):
    return _Everything()
"""
SLOWLY = """


_{name}_at_once = {name}


def {name}(*args, _slept=[], **kwargs):
    import time

    if not _slept:
        _slept.append(time.sleep(0.5))
    return _{name}_at_once(*args, **kwargs)
"""


def with_cell(source: str) -> Callable[[Notebook], None]:
    """A notebook with one more cell, which runs this."""
    cell = {"cell_type": "code", "id": "own-1", "source": source, "metadata": {}, "outputs": [], "execution_count": 1}
    return lambda notebook: notebook["cells"].append(copy.deepcopy(cell))


def claims_points(notebook: Notebook) -> None:
    """Tags that make nbgrader pass over the tests, and metadata that claims a score."""
    for cell in notebook["cells"]:
        cell["metadata"].setdefault("tags", []).append("skip-execution")
        cell["metadata"].setdefault("nbgrader", {})["points"] = 1000
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "100 of 100 points"}]


def script(notebook: Notebook) -> None:
    """A written answer that would run in the teacher's browser."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("storyteller", {}).get("role") == "written":
            cell["source"] = SCRIPT


def untouched(notebook: Notebook) -> None:
    """For what is done elsewhere: to an answer, or to the file."""


HOSTILE: dict[str, Callable[[Notebook], None]] = {
    **{name: with_cell(source) for name, source in CELLS.items()},
    "claims_points": claims_points,
    "script": script,
    EVERYTHING: untouched,
}


def lost_ids(notebook: Notebook) -> None:
    """Colab and VS Code keep neither ids nor our metadata."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    notebook["nbformat_minor"] = 4


def duplicated(notebook: Notebook) -> None:
    """Copied and pasted: every answer twice, with the same id."""
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        if cell["metadata"].get("storyteller", {}).get("role") == "answer":
            cells.append(copy.deepcopy(cell))
    notebook["cells"] = cells


DAMAGED: dict[str, Callable[[Notebook], None]] = {
    "lost_ids": lost_ids,
    "duplicated": duplicated,
    "byte_order_mark": untouched,
    "windows_lines": untouched,
    UNREADABLE: untouched,
}


def written(notebook: Notebook, mishap: str) -> bytes:
    """The notebook's file after a mishap; `mishap` may be empty."""
    {**HOSTILE, **DAMAGED, "": untouched}[mishap](notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if mishap == UNREADABLE:
        return b""
    if mishap == "byte_order_mark":
        return text.encode("utf-8-sig")
    if mishap == "windows_lines":
        return text.replace("\n", "\r\n").encode()
    return text.encode()
