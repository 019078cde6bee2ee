"""The notebooks that formgrader shows and that `nbgrader generate_feedback` turns into pages.

Nothing of a submission's file is taken over but text: each notebook is the course's own release, with the student's
code in the answers' cells and what the student wrote in a fence that Markdown shows as it is. There are no outputs, no
metadata and no tags of the student's; below a check stands what the judge found.
"""

import json
import re
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

from storyteller.utils.atomic_io import write_whole
from storyteller_course.report.safe_repr import clean
from storyteller_grading.classroom.autograde.grade_task import TaskOutcome
from storyteller_grading.classroom.course import nbgrader_time

LINE_CHARS = 100  # characters of a line of prose
MAX_ANSWER_CHARS = 100_000  # characters of an answer
MAX_VERDICT_CHARS = 4000  # characters below a check
UNWRITTEN = "*Nothing was written here.*"
LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")


def rebuilt(release: dict[str, Any], outcome: TaskOutcome) -> dict[str, Any]:
    """The notebook for formgrader.

    Args:
        release: the notebook that was handed out, as JSON.
        outcome: what the judge took from the submission, and what it found.
    """
    verdicts = {exercise["name"]: verdict(exercise) for exercise in outcome.data.get("exercises", ())}
    cells = []
    for raw in release["cells"]:
        ours = raw["metadata"].get("storyteller", {})
        role, name = ours.get("role"), ours.get("exercise", "")
        metadata = {"nbgrader": raw["metadata"]["nbgrader"]} if "nbgrader" in raw["metadata"] else {}
        source = "".join(raw["source"])
        if role == "answer":
            source = _plain(outcome.answers.get(name, source))
        elif role == "written":
            written = outcome.written.get(name, "")
            source = fenced(written) if written else UNWRITTEN
        cell = {"cell_type": raw["cell_type"], "id": raw.get("id", ""), "metadata": metadata, "source": source}
        if raw["cell_type"] == "code":
            text = verdicts.get(name, "") if role == "check" else ""
            output = {"output_type": "stream", "name": "stdout", "text": text}
            cell |= {"execution_count": None, "outputs": [output] if text else []}
        cells.append(cell)
    kept = {"kernelspec", "language_info"} & set(release["metadata"])
    metadata = {name: release["metadata"][name] for name in sorted(kept)}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write_rebuilt(folder: Path, name: str, document: dict[str, Any], submitted_at: datetime | None) -> None:
    """Write a rebuilt notebook to where nbgrader has it, and beside it when the submission was handed in."""
    write_whole(folder / f"{name}.ipynb", json.dumps(document, indent=1) + "\n")
    if submitted_at:
        write_whole(folder / "timestamp.txt", nbgrader_time(submitted_at) + "\n")


def fenced(text: str) -> str:
    """Text as a block of Markdown that shows it as it is: no HTML, no link and no formula in it means anything.

    Formulas too, because MathJax, which formgrader loads, knows `\\href{javascript:...}`; it passes over such blocks.

    >>> print(fenced("<b>why</b>"))
    ```text
    <b>why</b>
    ```
    """
    lines: list[str] = []
    for line in _plain(text).split("\n"):
        lines += textwrap.wrap(line, LINE_CHARS, replace_whitespace=False, drop_whitespace=False) or [""]
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def verdict(exercise: dict[str, Any]) -> str:
    """What the judge found, in lines."""
    lines = [f"{exercise['earned']} of {exercise['points']} points"]
    for case in exercise["cases"]:
        mark = "right" if case["passed"] else "WRONG"
        lines.append(f"{mark} {case['earned']}/{case['points']}  {case['title']}")
        reason = "" if case["passed"] else case["explanation"] or case["message"]
        lines += [f"    {line}" for line in reason.split("\n") if line.strip()]
    return clean("\n".join(lines), MAX_VERDICT_CHARS) + "\n"


def _plain(text: str) -> str:
    """Text with one kind of line end, without what can harm where it is shown, no longer than anyone would read."""
    return clean(LINE_ENDS.sub("\n", text), MAX_ANSWER_CHARS)
