"""Judges side by side, so that nothing that happens to one submission touches another: processes, or a Dask cluster.

    for outcome in grade_in_processes(tasks, jobs=2):
        ...

Each judge has a grader server of its own, gets one task at a time over a pipe, and ends when this process does. A
judge that dies or takes too long is replaced; its task is tried once more, and then told as failed.

On a cluster the same is done by its workers:

    dask scheduler                       # on one machine
    dask worker ADDRESS --nworkers 8 --nthreads 1     # on each, with this course installed
    storyteller-grade autograde 01 --scheduler ADDRESS

Submissions and outcomes cross the network as bytes. The cluster's workers are graders: they are given the course's
secret, so they must be machines that you trust, and every submission runs in the sandbox of the machine it came to.
"""

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from storyteller.utils.workers import dask_client
from storyteller_grading.classroom.autograde.grade_task import (
    Task,
    TaskOutcome,
    failed,
    grade_bytes,
    grade_one,
    outcome_from_bytes,
    task_to_bytes,
)
from storyteller_grading.judge.sandbox import limits

TIMEOUT_S = 1800.0  # for a submission; the judge itself bounds what a student's code may take
TRIES = 2  # of a task
POLL_INTERVAL_S = 1.0  # between looks at the clock
JUDGE_BYTES = 6 << 30  # of address space, besides what a judge has once torch is imported
CONNECT_TIMEOUT_S = 20.0  # for the scheduler of a cluster to answer
TASKS_AHEAD = 2  # tasks for each thread of the cluster that are sent before others are done

_context = get_context("spawn")  # a fork would copy the threads and the open files of this process


def grade_within_bounds(task: Task) -> TaskOutcome:
    """`grade_one`, in a process that does nothing else: what a submission sends to it cannot fill the machine."""
    bound_memory()
    return grade_one(task)


@functools.cache
def bound_memory() -> None:
    """Once in a process: bound its address space."""
    import torch  # noqa: F401  what it maps is large, and no fault of a submission's

    limits.bound_address_space(JUDGE_BYTES)


def grade_in_processes(
    tasks: Iterable[Task],
    *,
    jobs: int,
    timeout_s: float = TIMEOUT_S,
    grade: Callable[[Task], TaskOutcome] = grade_within_bounds,
) -> Generator[TaskOutcome]:
    """The outcomes of tasks, in the order in which they are done.

    Args:
        tasks: taken one at a time, as judges are free.
        jobs: how many judges work side by side.
        timeout_s: seconds until a judge is taken for stuck.
        grade: what a judge does; a function of a module, so that another process finds it.
    """
    waiting, judges = iter(tasks), [_Judge(grade) for _ in range(jobs)]
    try:
        for judge in judges:
            judge.next(waiting)
        while busy := [judge for judge in judges if judge.task]:
            ready = connection.wait([judge.pipe for judge in busy], POLL_INTERVAL_S)
            for judge in busy:
                if judge.pipe in ready:
                    outcome = judge.outcome()
                elif time.monotonic() - judge.since > timeout_s:
                    outcome = judge.lost(f"the judge was still busy after {timeout_s:.0f} seconds")
                else:
                    continue
                if outcome:
                    judge.next(waiting)  # before the outcome is written down, so that the judge need not wait
                    yield outcome
    finally:
        for judge in judges:
            judge.end()


class _Judge:
    """One judge, as this process has it; it is started with its first task."""

    pipe: Connection

    def __init__(self, grade: Callable[[Task], TaskOutcome]) -> None:
        self.grade = grade
        self.process: SpawnProcess | None = None
        self.task: Task | None = None
        self.tries = 0
        self.since = 0.0

    def next(self, waiting: Iterator[Task]) -> None:
        """Give it the next task, if there is one."""
        self.task, self.tries = next(waiting, None), 0
        if self.task:
            self._give(self.task)

    def _give(self, task: Task) -> None:
        if self.process is None:
            self.pipe, theirs = _context.Pipe()
            self.process = _context.Process(target=judge_tasks, args=(theirs, self.grade), daemon=True)
            with ignoring_interrupts():
                self.process.start()
            theirs.close()
        self.tries, self.since = self.tries + 1, time.monotonic()
        with contextlib.suppress(OSError):  # it may have died meanwhile, which its pipe tells
            self.pipe.send(task)

    def outcome(self) -> TaskOutcome | None:
        """What its pipe has: an outcome, or the news that it has died; None when the task is tried again."""
        assert self.task is not None
        try:
            outcome: TaskOutcome = self.pipe.recv()
        except (EOFError, OSError):
            how = "it did not start"
            if self.process is not None:
                self.process.join(POLL_INTERVAL_S)
                code = self.process.exitcode
                how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return self.lost(f"the judge died ({how})")
        if outcome.status == "failed":  # a fresh judge may have more luck
            return self.lost(outcome.failure)
        return outcome

    def lost(self, why: str) -> TaskOutcome | None:
        """End it; its task is tried once more, or has failed."""
        assert self.task is not None
        self.end()
        if self.tries < TRIES:
            self._give(self.task)
            return None
        return failed(self.task, f"{why}, twice")

    def end(self) -> None:
        """End the process and what it had started."""
        if self.process is not None:
            self.pipe.close()
            self.process.terminate()
            self.process.join(10 * POLL_INTERVAL_S)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            self.process = None


def judge_tasks(pipe: Connection, grade: Callable[[Task], TaskOutcome]) -> None:
    """The life of a judge's process: grade what comes in, until nobody is there any more."""

    def end_with_parent() -> None:
        """When the class was killed, end at once; the server and its workers see our sockets close, and end too."""
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the class, which then ends us
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: judges run side by side
    try:
        while True:
            pipe.send(grade(pipe.recv()))
    except (EOFError, OSError):
        pass


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """What is started inside ignores Ctrl-C from its first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def grade_on_cluster(address: str, tasks: Iterable[Task]) -> Generator[TaskOutcome]:
    """The outcomes of tasks, in the order in which they are done; each task has one outcome, whatever is lost.

    Raises:
        StorytellerError: the scheduler does not answer, or has no workers.
    """
    from distributed import as_completed

    here = "leave --scheduler out to grade on this machine"
    client, threads = dask_client(address, timeout=CONNECT_TIMEOUT_S, otherwise=here)
    with client:
        waiting = iter(tasks)
        sent: dict[str, tuple[Task, int]] = {}
        futures = as_completed(loop=client.loop)
        for task in islice(waiting, TASKS_AHEAD * threads):
            _send(client, task, 1, sent, futures)
        for future in futures:
            task, tries = sent.pop(future.key)
            trouble = future.exception()
            if trouble is not None:  # a task that took several workers with it, or one that could not be sent
                outcome = failed(task, f"the cluster gave it up ({type(trouble).__name__}: {trouble})")
            else:
                outcome = outcome_from_bytes(future.result())
            future.release()
            if outcome.status == "failed" and tries < TRIES:
                _send(client, task, tries + 1, sent, futures)
                continue
            if following := next(waiting, None):
                _send(client, following, 1, sent, futures)
            yield outcome


def _send(client: Any, task: Task, tries: int, sent: dict[str, tuple[Task, int]], futures: Any) -> None:
    """Hand a task to the cluster; a worker that is lost meanwhile does not count as a try."""
    future = client.submit(grade_bytes, task_to_bytes(task), pure=False)
    sent[future.key] = task, tries
    futures.add(future)
