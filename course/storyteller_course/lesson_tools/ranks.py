"""Ranks, which lesson 07's code runs on: threads in this process, or processes.

    def job(me, x):
        return me.all_reduce(x + me.rank)

    in_threads(3, job, torch.ones(2))     # three threads; [tensor([6., 6.]), ...]
    in_processes(2, job, torch.ones(2))   # two processes that talk by gloo, over the loopback of this machine

Either ends within a time, and a rank that waits for ever is named. Processes need Linux or macOS.
"""

import atexit
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from storyteller.errors import StorytellerError, require
from storyteller_course.exercises.stand_ins import STAND_INS

JOB, OVER = "job", "over"  # files in the folder that the processes share
LOOK_S = 0.02  # between two looks at the processes
STUCK_S = 5.0  # in a meeting that another rank will never come to
END_S = 10.0  # for a process to end by itself once all are done
DIMENSIONS = 8  # that a message may have

Job = Callable[..., Any]  # (me, *args) -> the rank's result


class RanksFailed(StorytellerError):
    """Some ranks did not come to their end; the text says in a sentence which, and why."""


class Rank:
    """One of P ranks: its number, and the ways to meet the others.

    Attributes:
        rank: r, from 0.
        ranks: P.
        meetings: how often it has met the others.
        sent: bytes that it has sent, by the cheapest algorithm that is known for what it called.
        waited: seconds that it has spent in meetings.
    """

    def __init__(self, rank: int, ranks: int) -> None:
        self.rank, self.ranks = rank, ranks
        self.meetings, self.sent, self.waited = 0, 0.0, 0.0

    def all_reduce(self, message: Tensor) -> Tensor:
        """The sum of what all ranks call it with."""
        share = 2 * (self.ranks - 1) / self.ranks
        total: Tensor = self._meet("all_reduce", share * _bytes_of(message), self._sum, message)
        return total

    def all_to_all(self, messages: Sequence[Tensor]) -> list[Tensor]:
        """One tensor for each rank, and the tensors that they have for this one; they may have different lengths."""
        require(len(messages) == self.ranks, f"all_to_all takes {self.ranks} tensors, one for each rank.")
        others = [one for rank, one in enumerate(messages) if rank != self.rank]
        arrived: list[Tensor] = self._meet("all_to_all", sum(map(_bytes_of, others)), self._swap, list(messages))
        return arrived

    def reduce_scatter(self, vector: Tensor) -> Tensor:
        """Part r of the sum of all ranks' vectors (n,), as `tensor_split` cuts it."""
        parts = [part.contiguous() for part in vector.tensor_split(self.ranks)]
        share = (self.ranks - 1) / self.ranks
        arrived = self._meet("reduce_scatter", share * _bytes_of(vector), self._swap, parts)
        return torch.stack(arrived).sum(dim=0)

    def all_gather(self, part: Tensor) -> Tensor:
        """The parts of all ranks, one behind the other."""
        size = (self.ranks - 1) * _bytes_of(part)
        return torch.cat(self._meet("all_gather", size, self._swap, [part] * self.ranks))

    def exchange(self, message: Tensor) -> Tensor:
        """Send to the next rank, and receive from the one before; behind the last comes rank 0."""
        if self.ranks == 1:
            return message.clone()
        arrived: Tensor = self._meet("exchange", _bytes_of(message), self._pass_on, message)
        return arrived

    def note(self, what: str) -> None:
        """Leave word where this rank is, for whoever looks after it."""

    def _meet(self, kind: str, size: float, how: Callable[[Any], Any], message: Any) -> Any:
        self.meetings += 1
        self.sent += size
        self.note(kind)
        start = time.perf_counter()
        answer = how(message)
        self.waited += time.perf_counter() - start
        self.note("computing")
        return answer

    def _sum(self, message: Tensor) -> Tensor:
        return torch.stack(self._swap([message[None]] * self.ranks)).sum(dim=0)[0]

    def _pass_on(self, message: Tensor) -> Tensor:
        nothing = message.new_empty(0)
        right = (self.rank + 1) % self.ranks
        return self._swap([message if rank == right else nothing for rank in range(self.ranks)])[self.rank - 1]

    def _swap(self, messages: list[Tensor]) -> list[Tensor]:
        raise NotImplementedError


def _bytes_of(message: Tensor) -> int:
    return message.numel() * message.element_size()


# --- Threads ----------------------------------------------------------------------------------------------------------


class _Table:
    """Where threads meet: each lays down what it has for the others."""

    def __init__(self, ranks: int, seconds: float) -> None:
        self.barrier = threading.Barrier(ranks, timeout=seconds)
        self.rows: list[list[Tensor]] = [[] for _ in range(ranks)]
        self.where = ["computing"] * ranks


class ThreadRank(Rank):
    """A rank that is a thread of this process."""

    def __init__(self, rank: int, ranks: int, table: _Table) -> None:
        super().__init__(rank, ranks)
        self.table = table

    def note(self, what: str) -> None:
        """As of every rank."""
        self.table.where[self.rank] = what

    def _swap(self, messages: list[Tensor]) -> list[Tensor]:
        self.table.rows[self.rank] = [message.clone() for message in messages]
        self.table.barrier.wait()
        arrived = [row[self.rank] for row in self.table.rows]
        self.table.barrier.wait()
        return arrived


def in_threads(ranks: int, job: Job, *args: Any, seconds: float = 5.0) -> list[Any]:
    """What `job(me, *args)` gives for each of so many ranks, which run side by side in this process.

    Args:
        ranks: P.
        job: takes a `Rank` and the arguments.
        args: the same for all ranks; copy what the job changes.
        seconds: that a rank may wait for another.

    Raises:
        RanksFailed: a rank waits for one that never comes.
        Exception: what a rank raised, of several the first.
    """
    table = _Table(ranks, seconds)
    found: list[Any] = [None] * ranks
    errors: list[Exception | None] = [None] * ranks
    members = [ThreadRank(rank, ranks, table) for rank in range(ranks)]

    def run(me: ThreadRank) -> None:
        try:
            found[me.rank] = job(me, *args)
            me.note("done")
        except threading.BrokenBarrierError as error:
            errors[me.rank] = error
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that has called
            errors[me.rank] = error
            table.barrier.abort()

    threads = [threading.Thread(target=run, args=(me,), daemon=True) for me in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if error is not None and not isinstance(error, threading.BrokenBarrierError):
            raise error
    if any(errors):
        raise RanksFailed(_waiting([f"{me.meetings} {table.where[me.rank]}" for me in members], seconds))
    return found


# --- Processes --------------------------------------------------------------------------------------------------------


class GlooRank(Rank):
    """A rank that is a process of its own; it talks by gloo."""

    def __init__(self, rank: int, ranks: int, state: Path) -> None:
        super().__init__(rank, ranks)
        self.state = os.open(state, os.O_WRONLY | os.O_CREAT)
        self.note("computing")

    def note(self, what: str) -> None:
        """As of every rank: into a file of fixed length."""
        os.lseek(self.state, 0, os.SEEK_SET)
        os.write(self.state, f"{self.meetings} {what}".ljust(40).encode())

    def _sum(self, message: Tensor) -> Tensor:
        total = message.detach().clone().contiguous()
        dist.all_reduce(total)
        return total

    def _pass_on(self, message: Tensor) -> Tensor:
        left, right = (self.rank - 1) % self.ranks, (self.rank + 1) % self.ranks
        message = message.detach().contiguous()
        shape = torch.tensor([message.dim(), *message.shape, *[0] * (DIMENSIONS - message.dim())])
        their_shape = torch.empty_like(shape)
        _send_and_receive(shape, right, their_shape, left)
        arrived = message.new_empty(their_shape[1 : 1 + int(their_shape[0])].tolist())
        _send_and_receive(message, right, arrived, left)
        return arrived

    def _swap(self, messages: list[Tensor]) -> list[Tensor]:
        sizes = torch.tensor([len(message) for message in messages])
        their_sizes = torch.empty_like(sizes)
        dist.all_to_all_single(their_sizes, sizes)
        sent, received = sizes.tolist(), their_sizes.tolist()
        rows = torch.cat([message.detach() for message in messages]).contiguous()
        arrived = rows.new_empty(sum(received), *rows.shape[1:])
        dist.all_to_all_single(arrived, rows, received, sent)
        return list(arrived.split(received))


def _send_and_receive(message: Tensor, right: int, arrived: Tensor, left: int) -> None:
    waiting = [dist.isend(message, right), dist.irecv(arrived, left)]
    for one in waiting:
        assert one is not None
        one.wait()


def rank_file(folder: Path, what: str, rank: int) -> Path:
    """A file of a rank in the folder that the processes share.

    Args:
        folder: of one call.
        what: "state", what it does just now; "result", what its function gave back; "said" and "errors", what it writes
            to standard output and error; "pid", the number of its process; "end", with which code that has ended.
        rank: r.
    """
    return folder / f"{what}-{rank}"


class _Starter:
    """A process that has loaded PyTorch and starts the ranks, so that each of them is there at once."""

    process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path, ranks: int) -> None:
        """Start the ranks of a call."""
        require(hasattr(os, "fork"), "Ranks as processes need Linux or macOS; in_threads works everywhere.")
        if self.process is None or self.process.poll() is not None:
            loopback = "lo0" if sys.platform == "darwin" else "lo"
            settings = {
                "OMP_NUM_THREADS": "1",
                "GLOO_SOCKET_IFNAME": loopback,
                "TORCH_CPP_LOG_LEVEL": "ERROR",  # that another rank is gone is told by `in_processes`
            }
            command = [sys.executable, "-m", "storyteller_course.lesson_tools.one_rank"]
            # In a session of its own: Ctrl-C reaches the notebook alone, and `in_processes` ends the ranks.
            self.process = subprocess.Popen(
                command, env={**os.environ, **settings}, stdin=subprocess.PIPE, start_new_session=True
            )
            atexit.register(self.close)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{folder} {ranks}\n".encode())
        self.process.stdin.flush()

    def close(self) -> None:
        """Let it end."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait(timeout=END_S)


_starter = _Starter()


def in_processes(ranks: int, job: Job, *args: Any, seconds: float = 300.0) -> list[Any]:
    """What `job(me, *args)` gives for each of so many ranks, each a process of its own on this machine.

    The function travels with all that it uses of the notebook. What the first rank prints is printed here at the end.

    Args:
        ranks: P.
        job: takes a `Rank` and the arguments.
        args: the same for all ranks.
        seconds: that all of it may take.

    Raises:
        RanksFailed: a rank was killed, raised something, waits for one that never comes, or the time is over.
    """
    folder = Path(tempfile.mkdtemp(prefix="storyteller-ranks-"))
    try:
        (folder / JOB).write_bytes(_packed((job, args)))
        _starter.start(folder, ranks)
        _watch(folder, ranks, seconds)
        results = [_result(folder, rank)[1] for rank in range(ranks)]
        print(rank_file(folder, "said", 0).read_text(encoding="utf-8"), end="")
        return results
    finally:
        (folder / OVER).touch()
        _end(folder, ranks)
        shutil.rmtree(folder, ignore_errors=True)


def kill_this_process() -> None:
    """End this process as a machine that loses its power does: nothing is finished, nobody is told."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _packed(value: Any) -> bytes:
    """As `pickle`, with the functions of the notebook, and those that stand in for unsolved exercises, by value."""
    from storyteller.errors import optional_import

    cloudpickle = optional_import("cloudpickle", extra="lessons")
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(STAND_INS)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        data: bytes = cloudpickle.dumps(value)
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return data


def _watch(folder: Path, ranks: int, seconds: float) -> None:
    """Wait until each rank has left its result; raises RanksFailed where one never will."""
    start = still_since = time.monotonic()
    before: list[str] = []
    while True:
        finished = [rank for rank in range(ranks) if rank_file(folder, "result", rank).exists()]
        raised = {rank: value for rank in finished for kind, value in [_result(folder, rank)] if kind == "error"}
        gone = [rank for rank in range(ranks) if rank_file(folder, "end", rank).exists() and rank not in finished]
        if gone:
            raise RanksFailed(_gone(folder, gone[0]))
        if raised and (len(finished) == ranks or any("gloo" not in text for text in raised.values())):
            # Of several, the one that did not only see that another is gone.
            first = next((rank for rank in raised if "gloo" not in raised[rank]), min(raised))
            raise RanksFailed(f"Rank {first} raised {raised[first]}")
        if len(finished) == ranks:
            return
        states, now = [_state(folder, rank) for rank in range(ranks)], time.monotonic()
        if states != before:
            before, still_since = states, now
        all_met = all(state.partition(" ")[2] not in ("starting", "computing") for state in states)
        if now - still_since > STUCK_S and finished and all_met:
            raise RanksFailed(_waiting(states, now - still_since))
        if now - start > seconds:
            where = _waiting(states, now - still_since)
            raise RanksFailed(f"After {seconds:g} seconds the ranks are not done. {where}")
        if _starter.process is not None and _starter.process.poll() is not None:
            raise RanksFailed(f"The process that starts the ranks has ended with code {_starter.process.returncode}.")
        time.sleep(LOOK_S)


def _end(folder: Path, ranks: int) -> None:
    """End the ranks that still run, and wait until they are gone."""
    ends = time.monotonic() + END_S
    while time.monotonic() < ends:
        running = [
            rank
            for rank in range(ranks)
            if rank_file(folder, "pid", rank).exists() and not rank_file(folder, "end", rank).exists()
        ]
        if not running:
            return
        for rank in running:
            if not rank_file(folder, "result", rank).exists():  # one that stands still hears nothing else
                with suppress(ProcessLookupError):
                    os.kill(int(rank_file(folder, "pid", rank).read_text()), signal.SIGKILL)
        time.sleep(LOOK_S)


def _result(folder: Path, rank: int) -> tuple[str, Any]:
    kind, value = pickle.loads(rank_file(folder, "result", rank).read_bytes())
    return kind, value


def _state(folder: Path, rank: int) -> str:
    path = rank_file(folder, "state", rank)
    return path.read_text(encoding="utf-8").strip() if path.exists() else "0 starting"


def _gone(folder: Path, rank: int) -> str:
    code = int(rank_file(folder, "end", rank).read_text(encoding="utf-8"))
    if code < 0:
        return f"Rank {rank} was killed ({signal.Signals(-code).name})."
    lines = rank_file(folder, "errors", rank).read_text(encoding="utf-8").strip().splitlines()
    return f"Rank {rank} ended with code {code}: {lines[-1] if lines else 'it said nothing'}."


def _waiting(states: Sequence[str], seconds: float) -> str:
    """Who waits for whom, in a sentence."""
    parts = []
    for rank, state in enumerate(states):
        meetings, _, where = state.partition(" ")
        if where == "done":
            parts.append(f"rank {rank} is done after {meetings} meetings")
        elif where in ("computing", "starting"):
            parts.append(f"rank {rank} is {where} after {meetings} meetings")
        else:
            parts.append(f"rank {rank} waits in its meeting {meetings} ({where})")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}; nothing has moved for {seconds:.0f} seconds."
