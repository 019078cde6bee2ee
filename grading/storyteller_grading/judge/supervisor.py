"""The supervisor: a process between the server and one worker, which outlives the worker and cleans up after it.

It holds one end of a lifeline whose other end only the judge has. When the judge lets go of it, or is itself no more,
the worker is killed, with all that it started; then its scratch folder is removed; then the supervisor says how the
worker ended, and ends. So the judge that waits for the supervisor knows that nothing is left. Where a worker could
write outside its scratch folder, there is one worker at a time, and all that it could write to is emptied.

Here the layers of the sandbox are put on: namespaces by the supervisor, before it forks, and all others by the worker,
before it does anything else.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from storyteller_grading.judge.sandbox import landlock, limits, namespaces, seccomp
from storyteller_grading.judge.sandbox.bubblewrap import TEMPORARY
from storyteller_grading.judge.sandbox.leftovers import HOMES, empty
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.sandbox.probe import Layers

POLL_INTERVAL_S = 0.05  # between two looks at the worker
POLLS_PER_MEASUREMENT = 10  # of its folder
IN_NAMESPACES = Path("/tmp")  # the scratch folder, where the worker has a file system of its own


def supervise(
    connection: socket.socket,
    lifeline: socket.socket,
    *,
    layers: Layers,
    budget: Budget,
    root: Path,
    turn: int,
    work: Callable[[], None],
) -> NoReturn:
    """In a fork of the server: start the worker, see it end.

    Args:
        connection: the worker's, to the judge.
        lifeline: the supervisor's, to the judge.
        layers: those of the sandbox that hold.
        budget: what the worker may use up.
        root: a folder of the server's.
        turn: an open file, locked by the supervisor whose worker has its turn where all share a folder.
        work: what the worker does.
    """
    os.setsid()
    space = limits.address_space()
    others = 0 if layers.namespaces else None if layers.seccomp else limits.threads_of_this_user()
    if layers.share_folder:
        wait_for_turn(turn, lifeline)
        empty(Path(TEMPORARY))  # should a supervisor have died
        root.mkdir(exist_ok=True)
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
        empty(Path(TEMPORARY) if layers.share_folder else folder)
        if not layers.share_folder:
            folder.rmdir()
        _say(lifeline, ended)
    os._exit(0)


def wait_for_turn(turn: int, lifeline: socket.socket) -> None:
    """Lock this file, which the kernel unlocks when we end; end at once where the judge lets go before."""
    import fcntl

    while True:
        try:
            fcntl.lockf(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except (BlockingIOError, PermissionError):
            if select.select([lifeline], [], [], POLL_INTERVAL_S)[0]:
                _say(lifeline, "stopped")
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


def enter_namespaces(layers: Layers, budget: Budget, folder: Path) -> Path:
    """In the supervisor: new namespaces for it and its child, where they hold. Returns the worker's scratch folder."""
    if not layers.namespaces:
        return folder
    seen = namespaces.View(
        readable=namespaces.readable(),
        scratch=IN_NAMESPACES,
        scratch_bytes=budget.scratch_bytes,
        scratch_files=budget.scratch_files,
    )
    namespaces.enter(seen, folder)
    return IN_NAMESPACES


def confine(layers: Layers, budget: Budget, scratch: Path, *, address_space: int, others: int | None) -> None:
    """In the worker, for good: its folder, its environment, its user, and all other layers that hold.

    Args:
        layers: those that hold.
        budget: what it may use up.
        scratch: its folder.
        address_space: what it has already, in bytes.
        others: processes of the same user, see `limits.apply`.
    """
    os.chdir(scratch)
    sys.path.append(str(scratch))  # as in a notebook, but behind everything else
    kept = {
        name: os.environ[name] for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "LANG", "TZ") if name in os.environ
    }
    os.environ.clear()
    os.environ.update(kept | dict.fromkeys(("TMPDIR", *HOMES), str(scratch)))
    os.environ.update({"MPLBACKEND": "agg", "PYTHONSAFEPATH": "1"})
    limits.apply(budget, address_space=address_space, others=others)
    if layers.namespaces:
        namespaces.become_nobody()
    if layers.hold:
        from storyteller_grading.judge.sandbox.syscalls import drop_capabilities, forbid_new_privileges

        drop_capabilities()
        forbid_new_privileges()
    if layers.landlock:
        landlock.restrict((*namespaces.readable(), *namespaces.DEVICES), [scratch, Path("/dev/null")])
    if layers.seccomp:
        seccomp.restrict()
