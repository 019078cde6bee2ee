"""Says what of a committed notebook is no longer what its sources make.

Sources are compared cell by cell; outputs by executing the committed solution once more through nbval, with the network
off, under the patterns of `nbval.cfg`.
"""

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.cells import Draft
from storyteller_grading.builder.execute import ExecutionCost, environment_of, measured, student_copy
from storyteller_grading.builder.nbgrader_release import CELL_LIMIT, student_notebook

_PATTERNS = Path(__file__).with_name("nbval.cfg")


def drift_of_sources(folder: Path, solutions: Path) -> list[str]:
    """What has drifted in a lesson's two notebooks, outputs apart; a line each, with the file and line to look at.

    Raises:
        BuildError: the sources cannot be built at all.
    """
    draft = draft_lesson(folder)
    paths = solutions / f"{folder.name}.ipynb", folder / f"{folder.name}.ipynb"
    for path in paths:
        if not path.is_file():
            return [f"{path.parent.name}/{path.name} is missing: run make lessons."]
    solution, student = (path.read_bytes().decode("utf-8") for path in paths)
    faults = _compare(draft, nbformat.reads(solution, as_version=4))
    if student != student_notebook(folder.name, solution):
        faults.append(
            f"{folder.name}/{folder.name}.ipynb is not what nbgrader makes of solutions/{folder.name}.ipynb; notebooks "
            "are built, not edited: run make lessons."
        )
    return faults


def drift_of_outputs(folder: Path, solutions: Path) -> ExecutionCost:
    """Execute the committed solution with the network off and compare its outputs; what it cost, and what differs."""
    run = ExecutionCost(folder.name)
    notebook = solutions / f"{folder.name}.ipynb"
    with student_copy(folder) as work:
        shutil.copy(notebook, work)
        (work / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        options = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={_PATTERNS}"]
        options += [f"--nbval-cell-timeout={CELL_LIMIT}", "--nbval-kernel-startup-timeout=180"]
        options += ["-q", "--color=no", "--tb=short", "-p", "no:cacheprovider", "-c", "pytest.ini", notebook.name]
        command = [sys.executable, "-m", "storyteller_grading.offline", sys.executable, "-m", "pytest", *options]
        with (
            subprocess.Popen(
                command,
                cwd=work,
                env=environment_of(work),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            ) as process,
            measured(run, process.pid),
        ):
            output, _ = process.communicate()
    if process.returncode:
        run.faults.append(output[-8000:])
    return run


def _compare(draft: Draft, committed: NotebookNode) -> list[str]:
    """The cells that differ, with the places they come from; a text or demo that was edited has another id."""
    name = f"solutions/{draft.lesson}.ipynb"
    expected, found = draft.notebook(), copy.deepcopy(committed)
    for cell in found.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    places = {cell: f"{path.parent.name}/{path.name}:{line}" for cell, (path, line) in draft.places.items()}
    committed_cells = {cell.id: cell for cell in found.cells}
    faults = []
    for cell in expected.cells:
        if cell.id not in committed_cells:
            faults.append(f"{places[cell.id]}: this cell is not in {name} as it stands here.")
        elif cell != committed_cells[cell.id]:
            faults.append(f"{places[cell.id]}: the cell {cell.id!r} of {name} differs.")
    if not faults:  # otherwise they are what those cells were
        faults = [f"{name}: the cell {cell!r} has no source." for cell in committed_cells if cell not in places]
    if not faults and [cell.id for cell in expected.cells] != [cell.id for cell in found.cells]:
        faults.append(f"{name}: its cells are in another order than lesson.md's.")
    if not faults and expected != found:
        faults.append(f"{name}: the notebook's own metadata differ.")
    return faults
