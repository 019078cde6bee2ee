"""Where `storyteller preprocess` cleans and encodes: in this process, in others on this machine, or in those of Dask.

Each is a `storyteller.training.token_shards.preparing.Workers`, so the bytes that are written are the same.
"""

import asyncio
import logging
import multiprocessing as mp
import os
import signal
import threading
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from multiprocessing.connection import wait
from typing import Any

from storyteller.errors import StorytellerError, first_line
from storyteller.training.token_shards.preparing import ChunkWork, InThisProcess, Workers
from storyteller.utils.workers import available_cores, dask_client

ALONE = 8  # chunks that are worked on here before processes are started: with a few stories these would take longer
AHEAD = 2  # chunks that wait for each worker
CONNECT_S = 10.0  # for a scheduler to answer
KEPT = "complete shards are kept, and the same command goes on from there"


@contextmanager
def data_workers(work: ChunkWork, *, workers: int | None = None, scheduler: str | None = None) -> Iterator[Workers]:
    """Context manager: workers, which are ended at the end.

    Args:
        work: what they do.
        workers: how many processes on this machine; None takes as many as there are cores.
        scheduler: the address of a Dask scheduler, such as `tcp://10.0.0.5:8786`, whose workers are taken instead.

    Raises:
        StorytellerError: Dask is not installed, or no scheduler answers, or it has no worker.
    """
    if scheduler is not None:
        with _dask_workers(work, scheduler) as dask:
            yield dask
        return
    number = workers or available_cores()
    if number == 1:
        yield InThisProcess(work)
        return
    # Forks of a process that has threads (a progress bar's, say) may stand still, so each starts anew.
    context = mp.get_context("spawn")
    with ProcessPoolExecutor(number, context, initializer=_begin, initargs=(work,)) as pool:
        try:
            yield LocalWorkers(work, pool, number)
        except BrokenProcessPool:
            raise StorytellerError(
                f"One of the {number} processes was killed, for lack of memory perhaps; {KEPT}, or with --workers 1 "
                "in one."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class LocalWorkers:
    """Processes on this machine.

    Args:
        work: what they do.
        pool: the processes, in each of which `_begin` was called.
        number: how many.
    """

    def __init__(self, work: ChunkWork, pool: ProcessPoolExecutor, number: int) -> None:
        self._here, self._pool, self._number = InThisProcess(work), pool, number

    def map(self, method: str, chunks: Iterable[Any]) -> Iterator[Any]:
        """As `Workers.map`; the first chunks are worked on in this process."""
        left = iter(chunks)
        yield from self._here.map(method, islice(left, ALONE))
        yield from _in_order(lambda chunk: self._pool.submit(_work_on, method, chunk), left, AHEAD * self._number)


def _in_order(submit: Callable[[Any], Any], chunks: Iterable[Any], ahead: int) -> Iterator[Any]:
    """The results of futures in the order of the chunks, of which `ahead` more are under way."""
    under_way: deque[Any] = deque()
    try:
        for chunk in chunks:
            under_way.append(submit(chunk))
            if len(under_way) > ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


_work: ChunkWork  # of a worker's process


def _begin(work: ChunkWork) -> None:
    """What a worker's process does first."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that is killed does not end its children: they see to it themselves."""
    parent = mp.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _work_on(method: str, chunk: Any) -> Any:
    return getattr(_work, method)(chunk)


# --- Dask ---------------------------------------------------------------------------------------------------------


@contextmanager
def _dask_workers(work: ChunkWork, address: str) -> Iterator[Workers]:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said here, once
    client, threads = dask_client(address, timeout=CONNECT_S, otherwise="use --workers on this machine")
    try:
        here = _versions()
        for place, there in client.run(_versions).items():
            if there != here:
                raise StorytellerError(
                    f"Dask's worker {place} has {', '.join(there)}, and here are {', '.join(here)}: what is written "
                    "could differ, so install the same on all machines."
                )
        yield _DaskWorkers(client, client.scatter(work, broadcast=True, hash=False), threads)
    except StorytellerError:
        raise
    except (Exception, asyncio.CancelledError) as error:
        of_dask = any(kind.__module__.split(".")[0] == "distributed" for kind in type(error).__mro__)
        if not of_dask and not isinstance(error, TimeoutError | CancelledError | asyncio.CancelledError | ImportError):
            raise
        raise StorytellerError(
            f"The Dask cluster at {address} could not finish its part ({first_line(error)}): see whether its "
            f"scheduler and workers run and have this version of storyteller; {KEPT}."
        ) from None
    finally:
        client.close(timeout=1)


class _DaskWorkers:
    """The workers of a Dask scheduler.

    Args:
        client: connected to it.
        work: the future of what they do, which each of them has.
        threads: how many chunks they can work on at once.
    """

    def __init__(self, client: Any, work: Any, threads: int) -> None:
        self._client, self._work, self._threads = client, work, threads

    def map(self, method: str, chunks: Iterable[Any]) -> Iterator[Any]:
        """As `Workers.map`."""

        def submit(chunk: Any) -> Any:
            return self._client.submit(_call, self._work, method, chunk, pure=False)

        return _in_order(submit, chunks, AHEAD * self._threads)


def _versions() -> list[str]:
    """Of all that decides how a text is cleaned and encoded."""
    packages = [f"{name} {version(name)}" for name in ("storyteller", "ftfy", "regex", "numpy")]
    return [*packages, f"Unicode {unicodedata.unidata_version}"]


def _call(work: ChunkWork, method: str, chunk: Any) -> Any:
    return getattr(work, method)(chunk)
