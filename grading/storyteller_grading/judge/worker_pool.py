"""The one way to get workers: the server is started once in a process, and tried out before anybody is graded."""

import atexit
import functools
import os
import time
from collections.abc import Sequence

from storyteller.errors import StorytellerError
from storyteller_course.runner import serialization
from storyteller_grading.judge.channel import CELL, Closed, TimedOut
from storyteller_grading.judge.sandbox.probe import NAMES
from storyteller_grading.judge.worker_client import START_TIMEOUT_S, ForkServer, FreshProcess, Starter

# Modules that nobody has loaded yet: of Python, of its packages and of the course.
TRIAL = "import colorsys, numpy.polynomial.laguerre, storyteller.moe.cost_model"
NO_SANDBOX = (
    "No layer of this system keeps a student's code from your files and from the network, so nothing was run: grade on "
    "Linux with bubblewrap, user namespaces or landlock (`storyteller doctor` shows them), or give --unsafe for code "
    "that you trust."
)


def try_out(server: Starter) -> None:
    """See that right code runs in a worker, so that a fault of the set-up never costs a student points.

    Raises:
        StorytellerError: it does not.
    """
    worker, fault = server.start(), ""
    try:
        worker.channel.send(CELL, serialization.encode(TRIAL))
        reply = serialization.decode(worker.channel.receive(deadline=time.monotonic() + START_TIMEOUT_S)[1])
        fault = f"{reply['error']}: {reply['message']}" if reply["error"] else ""
    except (Closed, TimedOut):
        fault = worker.close(died=True)
    finally:
        worker.close()
    if fault:
        raise StorytellerError(
            f"The sandbox holds, but right code does not run in it ({fault}). That is a fault of this installation, so "
            "nothing was graded: install the course in another folder, and see what `storyteller doctor` says."
        )


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
