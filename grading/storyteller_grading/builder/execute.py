"""Executes a solved notebook, and measures what it costs.

It runs in a copy of the lesson's folder, as a student would have it, so that nothing is left in the repository.
"""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell

from storyteller.utils.openmp import SETTINGS
from storyteller_grading.builder import numbers_in_text
from storyteller_grading.builder.cells import METADATA, Draft
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.nbgrader_release import CELL_LIMIT

WIDGET = "application/vnd.jupyter.widget-view+json"
NO_WIDGET = "(run this cell to get what it shows)"  # in the place of a widget without a still picture

# The budget of a lesson, on 2 cores: seconds from the first cell to the last, and memory.
SECONDS = 240
SECONDS_OF = {"05": 480}
GIGABYTES = 6.0
MAX_OVERRUN = 4  # a lesson fails only above this many times its budget
POLL_INTERVAL_S = 0.2  # seconds between two looks at the memory, at least
POLLS_APART = 50  # times as long as a look takes we wait for the next one: it holds a large process up


@dataclass
class ExecutionCost:
    """What one execution cost."""

    lesson: str
    seconds: float = 0.0
    gigabytes: float = 0.0  # the peak of all its processes together
    faults: list[str] = field(default_factory=list)
    raised: dict[str, str] = field(default_factory=dict)  # cell id -> error, which is not always shown
    unfilled: dict[str, str] = field(default_factory=dict)  # texts whose numbers could not be computed: cell id -> why

    @property
    def budget(self) -> int:
        """Seconds that this lesson should take at most."""
        return SECONDS_OF.get(self.lesson[:2], SECONDS)

    @property
    def too_much(self) -> bool:
        """Above four times the budget, which is no longer a matter of a slow machine."""
        return self.seconds > MAX_OVERRUN * self.budget or self.gigabytes > MAX_OVERRUN * GIGABYTES

    def __str__(self) -> str:
        return (
            f"{self.lesson}: {self.seconds:.0f} s of {self.budget} s, "
            f"{self.gigabytes:.1f} GB of {GIGABYTES:.0f} GB at its peak"
        )


def environment_of(copy: Path) -> dict[str, str]:
    """The environment in which a copy of a lesson runs: this one, without a GPU, a hub or what was solved before."""
    return {
        **os.environ,
        "STORYTELLER_LESSON": str(copy),
        "STORYTELLER_STATE": str(copy.parent / "state"),
        **SETTINGS,
        "CUDA_VISIBLE_DEVICES": "",  # the outputs that are committed come from a CPU
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning of the debugger that no reader needs
    }


@contextmanager
def measured(run: ExecutionCost, pid: int | None = None) -> Iterator[None]:
    """Note the time, and the peak of the memory of a process and its children; of this one's children when left out."""
    done = threading.Event()
    start = time.perf_counter()

    def watch() -> None:
        pause = POLL_INTERVAL_S
        while not done.wait(pause):
            began = time.perf_counter()
            held = memory_below(psutil.Process(pid), itself=pid is not None)
            run.gigabytes = max(run.gigabytes, held / 1e9)
            pause = max(POLL_INTERVAL_S, POLLS_APART * (time.perf_counter() - began))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        run.seconds = time.perf_counter() - start
        done.set()
        watcher.join()


@contextmanager
def student_copy(folder: Path) -> Iterator[Path]:
    """A copy of a lesson's folder to run in, named alike; `check` finds its lesson there.

    The lessons before it stand beside it, solved: so whoever has come so far has them, and `use` looks into them.
    """
    with tempfile.TemporaryDirectory(prefix="storyteller-") as temporary:
        copy = Path(temporary).resolve() / folder.name
        unwanted = shutil.ignore_patterns("*.ipynb", "__pycache__", ".*")
        shutil.copytree(folder, copy, ignore=unwanted)
        for earlier in sorted(folder.parent.glob("[0-9][0-9]_*")):
            solved = folder.parent.parent / "solutions" / f"{earlier.name}.ipynb"
            if earlier.name < folder.name and solved.is_file():
                shutil.copytree(earlier, copy.parent / earlier.name, ignore=unwanted)
                shutil.copy(solved, copy.parent / earlier.name)
        yield copy


def execute(draft: Draft, folder: Path) -> tuple[NotebookNode, ExecutionCost]:
    """The solved notebook with its outputs, and what it cost.

    Raises:
        BuildError: a cell fails, writes to stderr or shows a widget without a still picture, or a number in the prose
            cannot be computed.
    """
    notebook = draft.notebook()
    run = run_cells(notebook, folder)
    for cell_id, fault in run.unfilled.items():
        raise BuildError(*draft.places[cell_id], f"a number of this text cannot be computed: {fault}")
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        path, line = draft.places[cell.id]
        if cell.id in run.raised:
            raise BuildError(path, line, f"the cell {cell.id!r} raises {run.raised[cell.id]}")
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                raise BuildError(path, line, f"the cell {cell.id!r} writes to stderr: {output.text.strip()[:500]}")
            data: Mapping[str, object] = output.get("data", {})
            if WIDGET in data and "nbval-ignore-output" not in cell.metadata.get("tags", []):
                raise BuildError(path, line, f"the cell {cell.id!r} shows a widget: tag it nbval-ignore-output.")
        tidy(cell)
    notebook.metadata.clear()
    notebook.metadata.update({**METADATA, "storyteller": {"lesson": draft.lesson}})
    return notebook, run


def run_cells(notebook: NotebookNode, folder: Path, **variables: str) -> ExecutionCost:
    """Run a notebook of a lesson from top to bottom, whatever its cells raise; it gets its outputs.

    The marks in its texts become what they stand for.

    Args:
        notebook: solved or not.
        folder: the lesson's.
        variables: of the environment, beside the usual.
    """
    from nbclient import NotebookClient

    class FillingClient(NotebookClient):  # type: ignore[misc]
        """Computes the marks of a text where the text stands."""

        async def async_execute_cell(
            self, cell: NotebookNode, cell_index: int, execution_count: int | None = None, store_history: bool = True
        ) -> NotebookNode:
            if cell.cell_type == "code" or not numbers_in_text.marks_of(cell.source):
                return await super().async_execute_cell(cell, cell_index, execution_count, store_history)
            probe = new_code_cell(numbers_in_text.computing(cell.source))
            await super().async_execute_cell(probe, cell_index)
            self.nb.cells[cell_index] = cell
            if probe.id in run.raised:
                run.unfilled[cell.id] = run.raised[probe.id]
            else:
                # A line may arrive in pieces.
                printed = "".join(output.text for output in probe.outputs if output.get("name") == "stdout")
                cell.source = numbers_in_text.filled(cell.source, printed)
            return cell

    def note_error(cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        error = execute_reply["content"]
        run.raised[cell.id] = f"{error['ename']}: {error['evalue']}"

    run = ExecutionCost(folder.name)
    with student_copy(folder) as copy, measured(run):
        nbformat.write(notebook, copy / f"{folder.name}.ipynb")  # where `progress` looks for the answer in words
        client = FillingClient(
            notebook,
            kernel_name="python3",
            timeout=CELL_LIMIT,
            allow_errors=True,
            on_cell_error=note_error,
            record_timing=False,
            store_widget_state=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": str(copy)}},
        )
        client.execute(env=environment_of(copy) | variables)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):  # the kernel has counted the probes too
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return run


def tidy(cell: NotebookNode) -> None:
    """Drop from a cell what only a running kernel can show, and what differs from run to run for no reason.

    Into how many pieces a kernel cuts what it prints is a matter of time: neighbouring pieces become one.
    """
    cell.metadata.pop("execution", None)
    whole: list[NotebookNode] = []
    for output in cell.outputs:
        data = output.get("data", {})
        if data.pop(WIDGET, None) is not None and list(data) == ["text/plain"]:  # the repr of a widget says nothing
            data.update({"text/html": f"<p><i>{NO_WIDGET}</i></p>", "text/plain": NO_WIDGET})
        if output.output_type == "stream" and whole and whole[-1].get("name") == output.name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    cell.outputs = whole


def memory_below(process: psutil.Process, *, itself: bool = True) -> int:
    """Bytes that a process (unless not `itself`) and all below it hold; 0 when it has ended.

    On Linux a page that forks share is divided among them (PSS), so that it counts once. Elsewhere only what each has
    for itself is counted (USS).
    """
    total = 0
    try:
        family = [process] * itself + process.children(recursive=True)
    except psutil.Error:
        return 0
    for member in family:
        try:
            held = member.memory_full_info()
        except psutil.Error:  # it ended just now
            continue
        total += getattr(held, "pss", held.uss)
    return total
