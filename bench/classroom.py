"""A class: what a submission costs with our autograde, beside `nbgrader autograde` for the same notebook.

    python -m bench classroom

The notebook is lesson 01 with all its answers right, so that everything is run. Each side also waits for the student's
own computing, which is measured alone: for nbgrader the cells of the notebook, for ours the checks with the public and
the hidden inputs, both in one process that has everything imported. What is left over is the cost of grading.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
import psutil

from bench.common import Row
from storyteller.utils.workers import available_cores
from storyteller_course.exercises.exercise import PUBLIC
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.builder.execute import memory_below
from storyteller_grading.builder.lesson_folders import find_lessons, lessons_folder
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.course import Course
from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds

CLASS = 200  # students
STUDENTS = int(os.environ.get("STORYTELLER_BENCH_STUDENTS", "12"))  # that are graded; the class is projected from them
SECRET = "ab" * 32
POLL_INTERVAL_S = 0.2  # seconds between two looks at the memory
CONFIG = "c = get_config()\nc.Execute.timeout = 600\nc.Execute.kernel_name = 'python3'\n"


def run(*, rounds: int = 9) -> list[Row]:
    """Measure both sides; nbgrader grades one submission `rounds` times, but three times at most."""
    lesson = load_lesson(find_lessons(lessons_folder(), ["01"])[0])
    solution = lessons_folder().parent / "solutions" / f"{lesson.name}.ipynb"
    document = json.loads(solution.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        ours, memory, computing = _ours(Path(folder) / "ours", lesson, document)
        beside = Path(folder) / "theirs"
        theirs = median(_theirs(beside / str(turn), lesson.name, document) for turn in range(min(rounds, 3)))
    checks, cells = _checks(lesson, document), _cells(document)
    jobs = available_cores()
    mine, other = max(ours - checks / jobs, 0.0), max(theirs - cells, 0.0)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return [
        Row(
            what="one submission of lesson 01",
            figures={
                "ours, s": ours,
                "ours, CPU s": computing,
                "of it the student's checks, s": checks / jobs,
                "nbgrader autograde, s": theirs,
                "of it the student's cells, s": cells,
                "judges side by side": jobs,
                "load of the machine": load,
                "cost of grading, ours / nbgrader": mine / other if other else float("nan"),
            },
            goal="at most 1/5 of nbgrader's, beyond the student's own computing",
            met=mine <= other / 5,
        ),
        Row(
            what=f"{CLASS} students of lesson 01, projected from {STUDENTS}",
            figures={
                "minutes": CLASS * ours / 60,
                "CPU minutes": CLASS * computing / 60,
                "peak memory, MB": memory / 1e6,
            },
            goal="10 minutes",
            met=CLASS * ours <= 600,
        ),
    ]


def _ours(folder: Path, lesson: Lesson, document: dict[str, Any]) -> tuple[float, int, float]:
    """Wall seconds a submission of a class, with the start of the judges; the most memory; CPU seconds a submission.

    What comes before the first outcome happens once, however large the class is. CPU seconds, of this process and all
    that it has waited for, are what a busy machine does not lengthen.
    """
    course = _course(folder)
    for number in range(STUDENTS):
        place = course.submitted / f"student{number}" / lesson.name
        place.mkdir(parents=True)
        (place / f"{lesson.name}.ipynb").write_text(json.dumps(document), encoding="utf-8")
    came: list[float] = []
    with _Memory() as memory:
        began = time.perf_counter()
        wanted, computed = GradingOptions(jobs=available_cores(), unsafe=True), sum(os.times()[:4])
        summary = autograde(course, lesson.folder, wanted, step=lambda outcome: came.append(time.perf_counter()))
    scores = {outcome.data["earned"] for outcome in summary.outcomes}
    if scores != {100}:
        raise RuntimeError(f"the solution has {scores} points, so this measures nothing")
    each = (came[-1] - came[0]) / (STUDENTS - 1)
    return (came[0] - began + each * (CLASS - 1)) / CLASS, memory.most, (sum(os.times()[:4]) - computed) / STUDENTS


def _theirs(course: Path, name: str, document: dict[str, Any]) -> float:
    """Wall seconds of the command `nbgrader autograde` for one submission of a course that has the assignment."""
    program = [sys.executable, "-m", "nbgrader"]
    for place in (course / "source" / name, course / "submitted" / "ada" / name):
        place.mkdir(parents=True)
        (place / f"{name}.ipynb").write_text(json.dumps(document), encoding="utf-8")
    (course / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    }
    options: dict[str, Any] = {"cwd": course, "env": environment, "capture_output": True, "check": True}
    subprocess.run([*program, "generate_assignment", name, "--create"], **options)
    began = time.perf_counter()
    subprocess.run([*program, "autograde", name, "--create"], **options)
    return time.perf_counter() - began


def _course(folder: Path) -> Course:
    folder.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text("c = get_config()\n", encoding="utf-8")
    (folder / "secret").write_text(SECRET, encoding="ascii")
    (folder / "secret").chmod(0o600)
    return Course.open(folder)


def _checks(lesson: Lesson, document: dict[str, Any]) -> float:
    """Seconds of all checks with the inputs that the judge draws, and nothing around them."""
    namespace = _executed(document, only=("setup", "answer"))
    seeds = (PUBLIC, *hidden_seeds(SECRET, DRAWS, ""))
    began = time.perf_counter()
    for exercise in lesson.exercises.values():
        grade(exercise, InProcessStudent(namespace), seeds=seeds)
    return time.perf_counter() - began


def _cells(document: dict[str, Any]) -> float:
    """Seconds of the notebook's cells in a kernel that has all imported."""
    began = time.perf_counter()
    _executed(document)
    return time.perf_counter() - began


def _executed(document: dict[str, Any], only: tuple[str, ...] = ()) -> dict[str, Any]:
    """The namespace of a notebook whose cells have run, those with these roles where some are named."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell()
    with tempfile.TemporaryDirectory() as folder, capture_output():
        before = Path.cwd()
        os.chdir(folder)
        try:
            for cell in nbformat.from_dict(document).cells:
                role = cell.metadata.get("storyteller", {}).get("role", "")
                role = role or ("setup" if "setup" in cell.metadata.get("tags", ()) else "")
                if cell.cell_type == "code" and (not only or role in only):
                    shell.run_cell("".join(cell.source), store_history=False)
        finally:
            os.chdir(before)
    namespace: dict[str, Any] = shell.user_ns
    return namespace


class _Memory(threading.Thread):
    """Watches the memory of this process and all below it; pages that forks share are counted once (PSS)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.done = 0, threading.Event()

    def __enter__(self) -> "_Memory":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.done.set()
        self.join()

    def run(self) -> None:
        while not self.done.wait(POLL_INTERVAL_S):
            self.most = max(self.most, memory_below(psutil.Process()))
