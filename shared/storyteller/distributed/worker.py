"""One of a run's processes: how it finds the others, and how it leaves them when something goes wrong.

Where it stands is in the environment (`RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR`, `MASTER_PORT`), put there by
`storyteller train --processes`, `torchrun` or a cluster's operator.

What goes wrong is said once. A process that fails writes its sentence into the store that all share, if no other has
been there before; the others end without a word. One that only sees that another is gone ends with `PEER_LOST`, so
that whoever started it may begin again from the last checkpoint. One that has waited too long says for whom: each
process keeps telling the store that it is alive and how far it has come, so a process that stands still is known.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn, TypeVar, cast

import torch
import torch.distributed as dist

from storyteller.errors import StorytellerError, require
from storyteller.utils.device import pick_device

T = TypeVar("T")

PEER_LOST = 75  # exit code: another process is gone, and this one could go on (EX_TEMPFAIL of sysexits.h)
FAILED = 2  # exit code: a sentence was said
BEAT_S = 1.0  # between two signs of life
FAILURE = "storyteller/failure"  # in the store: the sentence of the first process that failed, after its rank
LOSS = "storyteller/loss"  # in the store: what the first process saw that lost another one
LAUNCHED = "STORYTELLER_LAUNCHED"  # in the environment of processes whose sentences `launch` prints
GRACE_S = 5.0  # for a failing process to say why, before the others take it for killed


def is_worker() -> bool:
    """Whether this process was started as one of several."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys()


def sign_of_life(rank: int) -> str:
    """Where in the store a process tells that it is alive."""
    return f"storyteller/life/{rank}"


def number_of_processes() -> int:
    """How many processes there are, this one included."""
    return int(os.environ["WORLD_SIZE"])


class Worker:
    """A process's place among the others.

    Args:
        store: shared by all of them.
        rank: this process's number.
        processes: how many there are.
        timeout: seconds that one process may keep the others waiting.

    Attributes:
        device: on which it computes; `joined` chooses it.
    """

    def __init__(self, store: dist.Store, rank: int, processes: int, *, timeout: float) -> None:
        self.store, self.rank, self.processes, self.timeout = store, rank, processes, timeout
        self.device = torch.device("cpu")
        self._progress = 0  # places reached at which all processes meet
        self._turns = 0
        threading.Thread(target=self._show_signs_of_life, args=(cast(Any, store).clone(),), daemon=True).start()

    def makes_progress(self) -> None:
        """Count that this process has come past a place that all of them come past."""
        self._progress += 1

    def after_first(self, make: Callable[[], T]) -> T:
        """What `make` gives: the first process calls it, then the others do, however long the first one takes."""
        self._turns += 1
        turn = f"storyteller/turn/{self._turns}"
        if self.rank > 0:
            while not self.store.check([turn]):
                time.sleep(0.05)
        made = make()
        if self.rank == 0:
            self.store.set(turn, "taken")
        return made

    def fail(self, sentence: str) -> NoReturn:
        """End this process because of something that the user can mend.

        Raises:
            StorytellerError: with the sentence, where this process is the one to say it.
        """
        said = f"{self.rank} {sentence}"
        if self.store.compare_set(FAILURE, "", said).decode() == said and LAUNCHED not in os.environ:
            raise StorytellerError(sentence)
        leave(FAILED)

    def explain_loss(self, error: RuntimeError) -> NoReturn:
        """End this process after a message to or from another one has failed."""
        try:
            self._explain_loss(error)
        except RuntimeError:  # the store is gone too
            leave(PEER_LOST)

    def _explain_loss(self, error: RuntimeError) -> NoReturn:
        if "timed out" in str(error).lower():
            silent = self._silent()
            waited = f"{self.timeout:g} seconds"
            self.fail(
                f"The run stopped: for {waited} the other processes waited in vain for {silent}; the same command goes "
                "on from the last checkpoint, and a larger --timeout lets them wait longer."
            )
        ends = time.monotonic() + GRACE_S
        while time.monotonic() < ends:
            if self.store.check([FAILURE]):
                leave(FAILED)
            time.sleep(0.1)
        self.store.compare_set(LOSS, "", f"process {self.rank}: {str(error).strip().splitlines()[0]}")
        leave(PEER_LOST)

    def _silent(self) -> str:
        """Which processes keep the others waiting: those that show no sign of life, or else those furthest behind."""
        looks = []
        for _ in range(2):
            signs = [self.store.get(sign_of_life(rank)).decode() for rank in range(self.processes)]
            looks.append([sign.split() for sign in signs])
            time.sleep(2.5 * BEAT_S)
        beats = [[int(beat) for beat, _ in look] for look in looks]
        silent = [rank for rank, (before, now) in enumerate(zip(*beats, strict=True)) if before == now]
        if not silent:
            progress = [int(reached) for _, reached in looks[-1]]
            silent = [rank for rank, reached in enumerate(progress) if reached == min(progress)]
        if len(silent) == self.processes:
            return "a message from one of them"
        return f"process{'es' * (len(silent) > 1)} {', '.join(map(str, silent))} of {self.processes}"

    def _show_signs_of_life(self, store: dist.Store) -> None:
        beat = 0
        while True:
            beat += 1
            try:
                store.set(sign_of_life(self.rank), f"{beat} {self._progress}")
            except RuntimeError:  # whoever kept the store is gone, and with it the run
                leave(PEER_LOST)
            time.sleep(BEAT_S)


def leave(code: int) -> NoReturn:
    """End this process at once, without waiting for the others."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def joined(device: str, *, timeout: float) -> Iterator[Worker]:
    """Context manager: this process among the others, from their first meeting to the end of the run.

    Args:
        device: as `storyteller.utils.device.pick_device` takes it; of several GPUs, each process takes its own.
        timeout: seconds that one process may keep the others waiting, above 0.

    Raises:
        StorytellerError: what the user can mend, in one of the processes; the others end without a word.
    """
    patience = timedelta(seconds=timeout)
    rank, processes = int(os.environ["RANK"]), number_of_processes()
    if LAUNCHED in os.environ:  # there is a store
        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store: dist.Store = dist.TCPStore(*address, is_master=False, wait_for_workers=False)
    else:
        store = next(iter(dist.rendezvous("env://", timeout=max(patience, timedelta(minutes=1)))))[0]
    worker = Worker(store, rank, processes, timeout=timeout)
    try:
        worker.device = _own_device(device)
        backend = "cpu:gloo,cuda:nccl" if worker.device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=processes, timeout=patience)
        yield worker
        dist.barrier()
    except StorytellerError as error:
        worker.fail(str(error))
    except KeyboardInterrupt:
        worker.fail("stopped by Ctrl-C; what was finished is kept, and the same command goes on.")
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or any(name in str(error) for name in ("gloo/transport", "NCCL")):
            worker.explain_loss(error)
        _crash(worker)
    except Exception:  # noqa: BLE001  # a fault of the program: its traceback is shown once
        _crash(worker)
    dist.destroy_process_group()


def _crash(worker: Worker) -> NoReturn:
    said = f"{worker.rank} {traceback.format_exc()}"
    if worker.store.compare_set("storyteller/crash", "", said).decode() == said:
        traceback.print_exc()
    leave(1)


def _own_device(name: str) -> torch.device:
    """The device of this process: of several GPUs, the one of its number on this machine."""
    device = pick_device(name)
    if device.type != "cuda":
        require(device.type == "cpu", f"Several processes cannot share {device.type}: use --device cpu.")
        return device
    place = int(os.environ.get("LOCAL_RANK", 0))
    require(
        place < torch.cuda.device_count(),
        f"There are more processes on this machine than its {torch.cuda.device_count()} GPUs: start one for each, or "
        "use --device cpu.",
    )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)
