"""The supervisor: a process between the server and one worker, which outlives the worker and cleans up after it.

It holds one end of a lifeline whose other end only the judge has. When the judge lets go of it, or is itself no more,
the worker is killed, with all that it started; then its scratch folder is removed; then the supervisor says how the
worker ended, and ends. So the judge that waits for the supervisor knows that nothing is left.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from storyteller_grading.judge.sandbox import limits
from storyteller_grading.judge.sandbox.confine import confine, enter_namespaces
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.sandbox.probe import Layers

POLL_INTERVAL_S = 0.05  # between two looks at the worker
POLLS_PER_MEASUREMENT = 10  # of its folder


def supervise(
    connection: socket.socket,
    lifeline: socket.socket,
    *,
    layers: Layers,
    budget: Budget,
    root: Path,
    work: Callable[[], None],
) -> NoReturn:
    """In a fork of the server: start the worker, see it end.

    Args:
        connection: the worker's, to the judge.
        lifeline: the supervisor's, to the judge.
        layers: those of the sandbox that hold.
        budget: what the worker may use up.
        root: a folder of the server's.
        work: what the worker does.
    """
    os.setsid()
    space = limits.address_space()
    others = 0 if layers.namespaces else None if layers.seccomp else limits.threads_of_this_user()
    folder = root if layers.namespaces else Path(tempfile.mkdtemp(dir=root))
    scratch = enter_namespaces(layers, budget, folder)
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        lifeline.close()
        os.setsid()
        close_all_but(connection.fileno())
        confine(layers, budget, scratch, address_space=space, others=others)
        if sys.platform == "linux":  # the worker does not outlive us; last, for a change of user undoes it
            from storyteller_grading.judge.sandbox.syscalls import PR_SET_PDEATHSIG, prctl

            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if not layers.namespaces and os.getppid() != supervisor:  # it was gone before we asked
            os._exit(0)
        work()
        os._exit(0)
    connection.close()
    if layers.namespaces:  # where the rest of the worker goes with it
        _say(lifeline, _watch(worker, lifeline, None, budget.scratch_bytes))
    else:
        ended = _watch(worker, lifeline, folder, budget.scratch_bytes)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # what the worker left in its group
            os.killpg(worker, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        _say(lifeline, ended)
    os._exit(0)


def _say(lifeline: socket.socket, ended: str) -> None:
    """Tell the judge how the worker ended, if it is still there."""
    with contextlib.suppress(OSError):
        lifeline.send(json.dumps(ended).encode())


def _watch(worker: int, lifeline: socket.socket, scratch: Path | None, max_bytes: int) -> str:
    """Wait until the worker ends or has to; returns how it ended."""
    polls = 0
    while True:
        done, status = os.waitpid(worker, os.WNOHANG)
        if done:
            return how_it_ended(status)
        let_go = bool(select.select([lifeline], [], [], POLL_INTERVAL_S)[0])
        polls += 1
        too_large = scratch is not None and polls % POLLS_PER_MEASUREMENT == 0 and size_of(scratch) > max_bytes
        if let_go or too_large:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            return "it filled its folder" if too_large else "stopped"


def how_it_ended(status: int) -> str:
    """The end of a process in words."""
    if not os.WIFSIGNALED(status):
        return f"it ended with exit code {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    reasons = {
        "SIGXCPU": "it used up its processor time",
        "SIGXFSZ": "it wrote too large a file",
        "SIGSEGV": "it crashed (segmentation fault)",
        "SIGABRT": "it crashed (abort)",
        "SIGKILL": "it was killed, most likely for want of memory",
    }
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    return reasons.get(name, f"it ended by signal {name}")


def size_of(folder: Path) -> int:
    """Bytes below a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def close_all_but(kept: int) -> None:
    """Nothing of the server's is open in the worker; its input and output lead nowhere."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, kept)
    os.closerange(kept + 1, highest if 0 < highest < 1 << 20 else 1 << 20)
