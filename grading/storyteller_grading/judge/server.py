"""The server: a process that has torch imported once, and forks a worker for each exercise of each submission.

    python -m storyteller_grading.judge.server FILE_NUMBER LAYER...

It knows no tests and no secrets, and runs no student's code itself. Over the socket with that file number it gets
orders, one at a time, each with the two sockets of a new worker: its connection and its supervisor's lifeline. When the
socket closes, it ends.
"""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from storyteller_grading.judge import worker
from storyteller_grading.judge.channel import Channel
from storyteller_grading.judge.sandbox.leftovers import HOMES
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.sandbox.probe import Layers, examine
from storyteller_grading.judge.supervisor import supervise

ORDER_BYTES = 1 << 16
ALWAYS = ("import storyteller_course.runner.server", "import storyteller_course.exercises.fixtures")


_imported: set[str] = set()


def main(arguments: list[str]) -> None:
    """Find out which layers hold, say so, and carry out orders until there are no more."""
    orders = socket.socket(fileno=int(arguments[0]))
    asked = set(arguments[1:])
    held = examine(asked - {"bubblewrap"}).layers
    # In which we run already; there we are the first process, and nowhere else.
    layers = Layers(**{**asdict(held), "bubblewrap": "bubblewrap" in asked and os.getpid() == 1})
    root = Path(tempfile.mkdtemp(prefix="storyteller-judge-"))
    os.environ.update(dict.fromkeys(HOMES, str(root)))
    if layers.hold and not layers.namespaces:  # a worker has the same user, and must not get at this process's memory
        from storyteller_grading.judge.sandbox.syscalls import PR_SET_DUMPABLE, prctl

        prctl(PR_SET_DUMPABLE, 0)
    _import(ALWAYS)
    import torch

    torch.set_num_threads(1)
    torch.zeros(1, dtype=torch.float16).float()  # reads what the processor can do, which a worker may not
    torch.nn.Embedding(1, 1, device="meta")  # what the first module without numbers imports takes seconds
    shell = worker.make_shell()
    gc.collect()
    gc.freeze()  # a fork that collects garbage would copy these pages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the judge, which then lets go
    try:
        orders.sendall(json.dumps(asdict(layers)).encode())
        with tempfile.TemporaryFile() as turn:
            serve_orders(orders, layers, root, turn.fileno(), shell)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def serve_orders(orders: socket.socket, layers: Layers, root: Path, turn: int, shell: Any) -> None:
    """Fork a worker for each order, until the judge lets go."""
    while True:
        try:
            message, numbers, _, _ = socket.recv_fds(orders, ORDER_BYTES, 2)
        except OSError:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those that have ended
                pass
        if not message or len(numbers) != 2:
            return
        order = json.loads(message)
        connection, lifeline = (socket.socket(fileno=number) for number in numbers)
        _import(order["imports"])
        if os.fork() == 0:
            try:
                orders.close()
                signal.signal(signal.SIGINT, signal.default_int_handler)
                supervise(
                    connection,
                    lifeline,
                    layers=layers,
                    budget=Budget(**order["budget"]),
                    root=root,
                    turn=turn,
                    work=lambda: worker.serve(Channel(connection), shell),  # noqa: B023  this very turn's
                )
            except BaseException as error:  # noqa: BLE001  nothing of a fork may go on as the server
                os.write(2, f"storyteller-grade: a worker could not be started: {error!r}\n".encode())
            finally:
                os._exit(1)
        connection.close()
        lifeline.close()


def _import(statements: Iterable[str]) -> None:
    """What the course's set-up cells import: once here instead of once a worker. What is missing is missed there."""
    for statement in statements:
        if statement not in _imported:
            _imported.add(statement)
            with contextlib.suppress(ImportError):
                exec(statement, {})


if __name__ == "__main__":
    main(sys.argv[1:])
