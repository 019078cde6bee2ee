"""The judge's side of workers: starts the server in its sandbox, asks it for workers, and lets go of them.

`starter` is the one way to get workers: the server is started once in a process, and tried out before anybody is
graded.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from storyteller.errors import StorytellerError
from storyteller.utils.openmp import SETTINGS
from storyteller_grading.judge.channel import CELL, Channel, Closed, TimedOut
from storyteller_grading.judge.sandbox import bubblewrap, namespaces
from storyteller_grading.judge.sandbox.leftovers import HOMES, LEAVE, LOOK
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.sandbox.probe import NAMES, Layers, examine

START_TIMEOUT_S = 120.0  # for a server to import torch on a busy machine
END_TIMEOUT_S = 20.0  # for a killed worker to be gone
SUPERVISOR_TIMEOUT_S = 1.0  # for a supervisor to see that its worker has ended
# Modules that nobody has loaded yet: of Python, of its packages and of the course.
TRIAL = "import colorsys, numpy.polynomial.laguerre, storyteller.moe.cost_model"
NO_SANDBOX = (
    "No layer of this system keeps a student's code from your files and from the network, so nothing was run: grade on "
    "Linux with bubblewrap, user namespaces or landlock (`storyteller doctor` shows them), or give --unsafe for code "
    "that you trust."
)


class Worker:
    """A worker process, as the judge has it."""

    def __init__(self, connection: socket.socket, lifeline: socket.socket) -> None:
        self.channel = Channel(connection)
        self.lifeline = lifeline
        self.ended = ""  # how it ended, in words, once it was let go

    def close(self, *, died: bool = False) -> str:
        """Let go of it; when this returns, nothing of it is left. Says how it ended.

        Args:
            died: it seems to have ended by itself; its supervisor gets a moment to see how.
        """
        if self.lifeline.fileno() >= 0:
            try:
                self.channel.close()
                if died:
                    select.select([self.lifeline], [], [], SUPERVISOR_TIMEOUT_S)
                self.lifeline.shutdown(socket.SHUT_WR)
                self.lifeline.settimeout(END_TIMEOUT_S)
                self.ended = json.loads(self.lifeline.recv(4096) or b'"its supervisor was gone"')
            except (OSError, ValueError):
                self.ended = "it could not be ended in time"
            finally:
                self.lifeline.close()
        return self.ended


class Starter(Protocol):
    """A way to start workers."""

    layers: Layers

    def start(self, *, imports: Sequence[str] = (), budget: Budget | None = None) -> Worker:
        """A new worker, in which no student's code has run."""

    def close(self) -> None:
        """Let go of everything."""


class ForkServer:
    """Workers that are forks of one server, where there is fork.

    One more than is asked for is kept ready, so that it starts while the judge is busy with the one before; not where
    workers take turns.

    Args:
        use: the layers to use where they hold; all unless a test leaves some out.
    """

    def __init__(self, use: Sequence[str] = NAMES) -> None:
        outside = examine([name for name in use if name == "bubblewrap"]).layers
        self.in_bubblewrap = outside.bubblewrap
        self.asked = [name for name in use if name != "bubblewrap" or outside.bubblewrap]
        self.spare: tuple[bytes, Worker] | None = None
        self._launch()

    def _launch(self) -> None:
        self.orders, theirs = socket.socketpair()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the server
        place = str(theirs.fileno())
        command = [sys.executable, "-P", "-m", "storyteller_grading.judge.server", place, *self.asked]
        environment = server_environment()
        if self.in_bubblewrap:
            command = [*bubblewrap.command(environment=environment), *command]
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
            start_new_session=True,
        )
        theirs.close()
        self.orders.settimeout(START_TIMEOUT_S)
        try:
            reply = self.orders.recv(4096)
        except TimeoutError:
            reply = b""
        self.orders.settimeout(None)
        if not reply:
            self.process.kill()
            self.process.wait()
            self.log.seek(0)
            lines = self.log.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
            last_words = lines[-1][:300] if lines else "it said nothing"
            raise StorytellerError(f"The server of the sandbox did not start ({last_words}).")
        self.layers = Layers(**json.loads(reply))

    def start(self, *, imports: Sequence[str] = (), budget: Budget | None = None) -> Worker:
        """A new worker; where the server has ended, of a new one."""
        order = json.dumps({"imports": list(imports), "budget": asdict(budget or Budget())}).encode()
        if self.spare and self.spare[0] != order:
            self.drop_spare()
        if self.spare:
            worker = self.spare[1]
        else:
            try:
                worker = self._order(order)
            except OSError:
                self.close()
                self._launch()
                worker = self._order(order)
        self.spare = None
        if not self.layers.share_folder:
            with contextlib.suppress(OSError):  # a server that has ended is missed when a worker is asked for
                self.spare = order, self._order(order)
        return worker

    def drop_spare(self) -> None:
        """Let go of the worker that is kept ready."""
        if self.spare:
            self.spare[1].close()
            self.spare = None

    def _order(self, order: bytes) -> Worker:
        connection, theirs = socket.socketpair()
        lifeline, supervisors = socket.socketpair()
        with theirs, supervisors:
            try:
                socket.send_fds(self.orders, [order], [theirs.fileno(), supervisors.fileno()])
            except OSError:
                connection.close()
                lifeline.close()
                raise
        return Worker(connection, lifeline)

    def close(self) -> None:
        """End the server; workers that are left end with their lifelines."""
        self.drop_spare()
        self.orders.close()
        try:
            self.process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class FreshProcess:
    """Workers that are processes of their own, where there is no fork; they have no layers but the process itself."""

    layers = Layers()

    def start(self, *, imports: Sequence[str] = (), budget: Budget | None = None) -> Worker:
        """A new worker; it imports torch anew, which takes seconds."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(START_TIMEOUT_S)
            port = listening.getsockname()[1]
            password = os.urandom(16).hex()
            home = tempfile.TemporaryDirectory(prefix="storyteller-judge-", ignore_cleanup_errors=True)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "storyteller_grading.judge.worker", str(port)],
                env=os.environ | server_environment() | dict.fromkeys(HOMES, home.name),
                cwd=home.name,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert process.stdin is not None
            with process.stdin as pipe:
                pipe.write(password.encode() + json.dumps(asdict(budget or Budget())).encode())
            connection = accept_with_password(listening, password)
        return StandaloneWorker(connection, process, home)

    def close(self) -> None:
        """Nothing to let go of."""


class StandaloneWorker(Worker):
    """A worker without a supervisor."""

    def __init__(
        self, connection: socket.socket, process: subprocess.Popen[bytes], home: tempfile.TemporaryDirectory[str]
    ) -> None:
        super().__init__(connection, connection)
        self.process, self.home = process, home

    def close(self, *, died: bool = False) -> str:
        """Kill it."""
        if died:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(SUPERVISOR_TIMEOUT_S)
        code = self.process.poll()
        self.process.kill()
        self.process.wait()
        self.channel.close()
        self.home.cleanup()
        return "stopped" if code is None else f"it ended with exit code {code}"


def accept_with_password(listening: socket.socket, password: str) -> socket.socket:
    """The connection of whoever knows the password; others on this machine may knock too."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        connection, _ = listening.accept()
        connection.settimeout(5)
        try:
            if connection.recv(len(password), socket.MSG_WAITALL) == password.encode():
                return connection
        except OSError:
            pass
        connection.close()
    raise StorytellerError("A worker did not start in time.")


def server_environment() -> dict[str, str]:
    """All that a server knows of this process's environment: where our packages are, and settings of torch."""
    homes = [
        str(path.parent) for path in namespaces.for_server() if path.name in ("storyteller", "storyteller_grading")
    ]
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(homes),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "HF_HUB_OFFLINE": "1",
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",  # macOS would end a fork that has not started a program
        **SETTINGS,
    }


def try_out(server: Starter) -> None:
    """See that right code runs in a worker, so that a fault of the set-up never costs a student points.

    And that of what one worker writes the next one finds nothing.

    Raises:
        StorytellerError: it is not so.
    """
    found = ""
    for cells in ((TRIAL, LEAVE), (LOOK,)):
        worker = server.start()
        try:
            for cell in cells:
                found = _tried(worker, cell)
        finally:
            worker.close()
    if found:
        raise StorytellerError(
            f"What one student's code writes to {found} could be read by the next. Nothing was graded: "
            "`storyteller doctor` shows the layers of the sandbox that this system has."
        )


def _tried(worker: Worker, cell: str) -> str:
    """What a cell of ours prints in a worker."""
    from storyteller_course.runner import serialization  # which imports torch

    try:
        worker.channel.send(CELL, serialization.encode(cell))
        reply = serialization.decode(worker.channel.receive(deadline=time.monotonic() + START_TIMEOUT_S)[1])
        fault = f"{reply['error']}: {reply['message']}" if reply["error"] else ""
    except (Closed, TimedOut):
        fault, reply = worker.close(died=True), {}
    if fault:
        raise StorytellerError(
            f"The sandbox holds, but right code does not run in it ({fault}). That is a fault of this installation, so "
            "nothing was graded: install the course in another folder, and see what `storyteller doctor` says."
        )
    return str(reply["printed"])


@functools.cache
def _started(use: tuple[str, ...]) -> ForkServer:
    server = ForkServer(use)
    atexit.register(server.close)
    if server.layers.hold:
        try_out(server)
    return server


def starter(*, unsafe: bool = False, use: Sequence[str] = NAMES) -> Starter:
    """The way to start workers here; the server is started once in a process.

    Args:
        unsafe: go on where no layer holds.
        use: the layers to use.

    Raises:
        StorytellerError: no layer holds that keeps a student's code from the grader's files and network.
    """
    if not hasattr(os, "fork"):
        if not unsafe:
            raise StorytellerError(NO_SANDBOX)
        return FreshProcess()
    server = _started(tuple(use))
    if not server.layers.hold and not unsafe:
        raise StorytellerError(NO_SANDBOX)
    return server
