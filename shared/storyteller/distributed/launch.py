"""`storyteller train --processes N`: the same command in N processes on this machine, watched until they end.

`launch` keeps the store in which the processes meet, hands Ctrl-C on, prints the one sentence of a run that cannot go
on, and begins again from the last checkpoint after a process was killed. On several machines `torchrun` does all that.
"""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import torch.distributed as dist

from storyteller.distributed.worker import FAILURE, LAUNCHED, LOSS, PEER_LOST, sign_of_life
from storyteller.errors import StorytellerError, require

HOST = "127.0.0.1"
MAX_RESTARTS = 3
CLOSE_S = 10.0  # after a lost message, for the process to end that is the cause
ALL_SEEN_S = 1.0  # once that one has ended, for the others to end by themselves
LOOK_S = 0.05  # between two looks at the processes
SAME_PRESS_S = 0.5  # in which one Ctrl-C may arrive several times, from the terminal and from a program in between


def launch(processes: int, command: Sequence[str], *, notice: Callable[[str], None]) -> None:
    """Run a command in so many processes, each of which calls `storyteller.distributed.worker.joined`.

    Args:
        processes: how many.
        command: the program and its arguments.
        notice: called with what the user should know while the run goes on.

    Raises:
        StorytellerError: the run cannot go on; its text is what the process said that failed first.
        SystemExit: a process ended by a fault of the program, which it has shown.
    """
    require(hasattr(os, "fork"), "--processes needs Linux or macOS: on Windows, train in one process, or within WSL.")
    for attempt in range(MAX_RESTARTS + 1):
        store = dist.TCPStore(HOST, 0, is_master=True, wait_for_workers=False)  # without what a lost attempt left
        workers = [_start(command, store, rank, processes, attempt) for rank in range(processes)]
        try:
            with _handing_on_interrupts(workers, store) as interrupt:
                ended = _watch(workers)
        finally:
            _close(workers)
        if store.check([FAILURE]):
            raise StorytellerError(store.get(FAILURE).decode().split(" ", 1)[1])
        if not any(ended):
            return
        if interrupt.is_set():
            raise StorytellerError("stopped by Ctrl-C; the same command goes on from the last checkpoint.")
        killed = [rank for rank, code in enumerate(ended) if code < 0]
        faults = [code for code in ended if code > 0 and code != PEER_LOST]
        if faults and not killed:
            sys.exit(faults[0])
        if killed:
            who = f"Process {killed[0]} was killed ({_signal_name(-ended[killed[0]])})"
        else:
            who = f"A message was lost ({store.get(LOSS).decode() if store.check([LOSS]) else 'without a word'})"
        if attempt < MAX_RESTARTS:
            notice(f"{who}: all {processes} begin again from the last checkpoint.")
    raise StorytellerError(
        f"{who}, after {MAX_RESTARTS} restarts: see what kills it, memory that runs out for example; the same command "
        "goes on from the last checkpoint."
    )


def _start(
    command: Sequence[str], store: dist.TCPStore, rank: int, processes: int, attempt: int
) -> subprocess.Popen[bytes]:
    """One process, in a session of its own: a terminal's Ctrl-C reaches it through `launch` alone, so only once."""
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = {
        "OMP_NUM_THREADS": str(threads),
        "GLOO_SOCKET_IFNAME": loopback,
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # a process that is gone is told of here
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": HOST,
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_RESTART_COUNT": str(attempt),  # as under torchrun
        LAUNCHED: "1",
    }
    return subprocess.Popen(list(command), env=environment, start_new_session=True)


def _watch(workers: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Wait until all have ended, or one has ended badly and the others had their time; the exit codes.

    A process that had to be stopped here has no part in what went wrong: its code is 0.
    """
    ends: float | None = None
    while any(worker.poll() is None for worker in workers):
        bad = [code for worker in workers if (code := worker.poll())]
        if bad and ends is None:
            ends = time.monotonic() + (CLOSE_S if set(bad) == {PEER_LOST} else ALL_SEEN_S)
        if ends is not None and time.monotonic() > ends:
            break
        time.sleep(LOOK_S)
    return [worker.poll() or 0 for worker in workers]


def _close(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the processes that still run."""
    for worker in workers:
        if worker.poll() is None:
            worker.kill()  # one that stands still hears nothing else
    for worker in workers:
        worker.wait()


@contextmanager
def _handing_on_interrupts(
    workers: Sequence[subprocess.Popen[bytes]], store: dist.TCPStore
) -> Iterator[threading.Event]:
    """Context manager: Ctrl-C goes to every process, and the event is set.

    The first lets each process finish its step. Where they have not met yet, there is nothing to finish.
    """
    interrupt = threading.Event()
    last = -math.inf

    def hand_on(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last < SAME_PRESS_S:
            return
        last = time.monotonic()
        interrupt.set()
        met = store.check([sign_of_life(rank) for rank in range(len(workers))])
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGINT if met else signal.SIGKILL)

    before = signal.signal(signal.SIGINT, hand_on)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
