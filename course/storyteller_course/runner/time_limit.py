"""Bounds the time that a student's code may take in this process."""

import _thread
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

REPEAT_S = 0.05  # after which the main thread is interrupted once more, for code that catches everything


class TimeIsUp(BaseException):
    """Raised in the student's code. No Exception, so that `except Exception` lets it pass.

    Attributes:
        seconds: how long the code had run by then.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Alarm:
    """Interrupts the main thread by the system's alarm signal. One that was set before goes on afterwards."""

    number: int = getattr(signal, "SIGALRM", signal.SIGINT)
    default: Any = signal.SIG_DFL

    def begin(self, seconds: float) -> None:
        """Interrupt in so many seconds, and then again and again."""
        self.start = time.monotonic()
        self.before = signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_S)

    def has_interrupted(self) -> bool:
        """Is it from here that the signal comes?"""
        return True

    def end(self) -> None:
        """Interrupt no more."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def give_back(self) -> None:
        """Set the alarm that was set before."""
        left, repeat = self.before
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - self.start), 1e-6), repeat)


class TimerThread:
    """Interrupts the main thread from another one, as a Ctrl-C would."""

    number: int = signal.SIGINT
    default: Any = signal.default_int_handler

    def begin(self, seconds: float) -> None:
        """Interrupt in so many seconds, and then again and again."""
        self.interrupted, self.done, self.main = False, threading.Event(), threading.get_ident()
        name = "storyteller-time-limit"
        self.thread = threading.Thread(target=self._run, args=(seconds,), daemon=True, name=name)
        self.thread.start()

    def has_interrupted(self) -> bool:
        """Is it from here that the signal comes, and not from the user?"""
        interrupted, self.interrupted = self.interrupted, False
        return interrupted

    def end(self) -> None:
        """Interrupt no more."""
        self.done.set()
        self.thread.join()

    def give_back(self) -> None:
        """Nothing was taken."""

    def _run(self, pause: float) -> None:
        while not self.done.wait(pause):
            self.interrupted = True
            if hasattr(signal, "pthread_kill"):  # a real signal, which also ends a sleep
                signal.pthread_kill(self.main, signal.SIGINT)
            else:
                _thread.interrupt_main()
            pause = REPEAT_S


def new_timer() -> Alarm | TimerThread:
    """The way to interrupt that this system has."""
    return Alarm() if hasattr(signal, "setitimer") else TimerThread()


class TimeLimit:
    """Context manager: raises TimeIsUp in a function that is called inside it, once the seconds are over.

    The system's alarm signal interrupts the main thread when the time is up. Windows has none: there a timer thread
    sends a Ctrl-C. On a busy machine a thread for each call would take longer than most calls do.

    It cannot stop one long call into C, such as `sum(range(10**12))`: Python handles signals between two instructions,
    and such a call is one. Nothing in this process can, and to run each check in another process would take from the
    student what they see in the notebook. So the call is waited for, `TimeIsUp` says how long it took, and of one that
    never ends a student is rid by restarting the kernel, as the README says. The judge's workers are processes and are
    simply killed.

    The `with` statement's own code is never interrupted, nor are `__enter__` and `__exit__`: a limit that was set is
    always taken away again. Outside the main thread, which alone can be interrupted, there is no limit.

    An interrupt may come while Python runs a destructor or the callback of a weak reference. What is raised there ends
    only that, and Python reports it on standard error. This report is left out: the next interrupt follows at once.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.holds = False
        self.applies = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if not self.applies:
            return
        self.start = time.monotonic()
        self.owner = sys._getframe(1)
        self.timer = new_timer()
        self.handler_before = signal.getsignal(self.timer.number)
        self.unraisable_hook_before = sys.unraisablehook
        sys.unraisablehook = self._report_unraisable
        signal.signal(self.timer.number, self._handle)
        self.timer.begin(self.seconds)
        self.holds = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.applies:
            return
        self.holds = False
        self.timer.end()
        # Python handles a pending signal before it changes the handler, so a late interrupt ends here.
        signal.signal(self.timer.number, self.timer.default if self.handler_before is None else self.handler_before)
        self.timer.give_back()
        sys.unraisablehook = self.unraisable_hook_before
        del self.owner
        seconds = time.monotonic() - self.start
        if kind is None and seconds > self.seconds:  # no interrupt came through: one long call into C was the last
            raise TimeIsUp(seconds)

    def _report_unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, TimeIsUp):
            self.unraisable_hook_before(unraisable)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Tell an interrupt of the timer's from a Ctrl-C."""
        called = frame
        while called is not None and called.f_back is not self.owner:  # up to what the `with` statement called
            called = called.f_back
        own_code = (TimeLimit.__enter__.__code__, TimeLimit.__exit__.__code__)
        is_inside = called is not None and called.f_code not in own_code
        if self.timer.has_interrupted():
            if self.holds and is_inside:
                raise TimeIsUp(time.monotonic() - self.start)
        elif callable(self.handler_before):  # the user's own Ctrl-C
            self.holds = self.holds and is_inside
            self.handler_before(number, frame)
