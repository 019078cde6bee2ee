"""A bound on the time that a student's code may take in this process.

A thread of our own rings when the time is up, and the main thread stops where it is. This works on Windows as well,
where there is no alarm signal.

It cannot stop one long call into C, such as `sum(range(10**12))`: Python handles signals between two instructions, and
such a call is one. Nothing in this process can, and to run each check in another process would take from the student
what they see in the notebook. So the call is waited for, `TimeIsUp` says how long it took, and of one that never ends a
student is rid by restarting the kernel, as the README says. The judge's workers are processes and are simply killed.
"""

import _thread
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")

AGAIN = 0.05  # seconds after which a bound rings once more, for code that catches everything


class TimeIsUp(BaseException):
    """Raised in the student's code. No Exception, so that `except Exception` lets it pass.

    Attributes:
        seconds: how long the code had run by then.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _Bound:
    """The bell: a thread that interrupts the main thread, and a handler that tells its interrupts from a Ctrl-C."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.running, self.ringing = seconds, True, False
        self.began = time.monotonic()
        self.main = threading.get_ident()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.wait, daemon=True, name="storyteller-timebound")
        self.before = signal.getsignal(signal.SIGINT)

    def wait(self) -> None:
        pause = self.seconds
        while not self.stop.wait(pause):
            if not self.running:
                return
            self.ringing = True
            _interrupt(self.main)
            pause = AGAIN

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.ringing:
            self.ringing = False
            if self.running:
                raise TimeIsUp(time.monotonic() - self.began)
        elif callable(self.before):  # the user's own Ctrl-C
            self.before(number, frame)

    def close(self) -> None:
        self.running = False
        self.stop.set()
        self.thread.join()
        # Python handles a pending signal before it changes the handler, so a late ring ends here.
        signal.signal(signal.SIGINT, self.before if self.before is not None else signal.default_int_handler)


def _interrupt(thread: int) -> None:
    """A real signal where threads can be sent one, as it also ends a sleep; otherwise what looks like one."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)
    else:
        _thread.interrupt_main()


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What `work()` returns, if it returns in time.

    Outside the main thread, which alone can be interrupted, there is no bound.

    Raises:
        TimeIsUp: it does not.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    bound = _Bound(seconds)
    signal.signal(signal.SIGINT, bound.handle)
    bound.thread.start()
    try:
        try:
            return work()
        finally:
            bound.running = False
    finally:
        bound.close()
