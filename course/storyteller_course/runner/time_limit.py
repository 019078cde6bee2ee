"""A bound on the time that a student's code may take in this process.

A timer thread interrupts the main thread when the time is up. This works on Windows as well, where there is no alarm
signal.

It cannot stop one long call into C, such as `sum(range(10**12))`: Python handles signals between two instructions, and
such a call is one. Nothing in this process can, and to run each check in another process would take from the student
what they see in the notebook. So the call is waited for, `TimeIsUp` says how long it took, and of one that never ends a
student is rid by restarting the kernel, as the README says. The judge's workers are processes and are simply killed.
"""

import _thread
import signal
import sys
import threading
import time
from types import FrameType, TracebackType

REPEAT_S = 0.05  # after which the main thread is interrupted once more, for code that catches everything


class TimeIsUp(BaseException):
    """Raised in the student's code. No Exception, so that `except Exception` lets it pass.

    Attributes:
        seconds: how long the code had run by then.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class TimeLimit:
    """Context manager: raises TimeIsUp in a function that is called inside it, once the seconds are over.

    The `with` statement's own code is never interrupted, nor are `__enter__` and `__exit__`: a limit that was set is
    always taken away again. Outside the main thread, which alone can be interrupted, there is no limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.holds = self.interrupted = False
        self.applies = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if not self.applies:
            return
        self.start, self.main = time.monotonic(), threading.get_ident()
        self.owner = sys._getframe(1)
        self.done = threading.Event()
        self.timer = threading.Thread(target=self._run_timer, daemon=True, name="storyteller-time-limit")
        self.handler_before = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, self._handle)
        self.timer.start()
        self.holds = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.applies:
            return
        self.holds = False
        self.done.set()
        self.timer.join()
        # Python handles a pending signal before it changes the handler, so a late interrupt ends here.
        signal.signal(signal.SIGINT, signal.default_int_handler if self.handler_before is None else self.handler_before)
        del self.owner

    def _run_timer(self) -> None:
        pause = self.seconds
        while not self.done.wait(pause):
            self.interrupted = True
            if hasattr(signal, "pthread_kill"):  # a real signal, which also ends a sleep
                signal.pthread_kill(self.main, signal.SIGINT)
            else:
                _thread.interrupt_main()
            pause = REPEAT_S

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Tell an interrupt of the timer's from a Ctrl-C."""
        called = frame
        while called is not None and called.f_back is not self.owner:  # up to what the `with` statement called
            called = called.f_back
        own_code = (TimeLimit.__enter__.__code__, TimeLimit.__exit__.__code__)
        is_inside = called is not None and called.f_code not in own_code
        if self.interrupted:
            self.interrupted = False
            if self.holds and is_inside:
                raise TimeIsUp(time.monotonic() - self.start)
        elif callable(self.handler_before):  # the user's own Ctrl-C
            self.holds = self.holds and is_inside
            self.handler_before(number, frame)
