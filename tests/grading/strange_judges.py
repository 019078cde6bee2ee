"""Judges that die, hang or fail, for the tests of the pool: functions that a process of its own can find."""

import os
import signal
import time
from pathlib import Path

from storyteller_grading.classroom.autograde.grade_task import Task, TaskOutcome, failed
from storyteller_grading.classroom.autograde.parallel_judges import JUDGE_BYTES, bound_memory


def strange(task: Task) -> TaskOutcome:
    """Does what the notebook says; the folder `task.lesson` counts how often it was tried."""
    order = task.notebook.decode()
    tries = Path(task.lesson) / task.student
    with open(tries, "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    first = len(tries.read_text(encoding="utf-8").splitlines()) == 1
    if order == "die" or (order == "die once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "hang":
        time.sleep(600)
    if order == "fail" or (order == "fail once" and first):
        return failed(task, f"no luck with {task.secret}")
    return TaskOutcome(lesson="x", student=task.student, sha256=task.sha256, status="graded")


def hungry(task: Task) -> TaskOutcome:
    """Asks for more memory than a judge may have; the notebook says how much more, in bytes."""
    bound_memory()
    try:
        reserved = len(bytearray(JUDGE_BYTES + int(task.notebook)))  # of zeros, which nobody touches
    except MemoryError:
        return failed(task, "no memory")
    return TaskOutcome(lesson="x", student=task.student, sha256=task.sha256, status="graded", seconds=reserved)


def strange_tasks(folder: Path, orders: dict[str, str]) -> list[Task]:
    """A task for each student, who orders what happens to the judge."""
    return [
        Task(lesson=str(folder), student=student, name="x.ipynb", notebook=order.encode(), secret="s3cret")
        for student, order in orders.items()
    ]
