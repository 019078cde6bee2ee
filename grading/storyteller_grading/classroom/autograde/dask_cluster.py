"""The same work as `process_pool`, on the machines of a Dask cluster.

    dask scheduler                       # on one machine
    dask worker ADDRESS --nworkers 8 --nthreads 1     # on each, with this course installed
    storyteller-grade autograde 01 --scheduler ADDRESS

Submissions and outcomes cross the network as bytes. The cluster's workers are graders: they are given the course's
secret, so they must be machines that you trust, and every submission runs in the sandbox of the machine it came to.
"""

from collections.abc import Generator, Iterable
from itertools import islice
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.grade_task import (
    Task,
    TaskOutcome,
    failed,
    grade_bytes,
    outcome_from_bytes,
    task_to_bytes,
)

CONNECT_TIMEOUT_S = 20.0  # seconds for the scheduler to answer
TASKS_AHEAD = 2  # tasks for each thread of the cluster that are sent before others are done
TRIES = 2


def grade_on_cluster(address: str, tasks: Iterable[Task]) -> Generator[TaskOutcome]:
    """The outcomes of tasks, in the order in which they are done; each task has one outcome, whatever is lost.

    Raises:
        StorytellerError: the scheduler does not answer, or has no workers.
    """
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise StorytellerError(
            f"No Dask scheduler answers at {address} ({error}): start one with `dask scheduler`, or leave --scheduler "
            "out to grade on this machine."
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise StorytellerError(f"The cluster at {address} has no workers: start some with `dask worker {address}`.")
        waiting = iter(tasks)
        sent: dict[str, tuple[Task, int]] = {}
        futures = as_completed()
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
