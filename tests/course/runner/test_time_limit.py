"""A student's code that takes too long is stopped, and nothing else is."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from student_calls import fault, student

from storyteller_course.runner.time_limit import TimeIsUp, TimeLimit

Answers = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    while True:\n        pass",
        "import time\ndef f():\n    time.sleep(60)",
        "def f():\n    while True:\n        try:\n            1 / 0\n        except Exception:\n            pass",
        "def f():\n    while True:\n        try:\n            x = 1\n        except:\n            x = 2",
    ],
)
def test_an_endless_answer_is_stopped(answers: Answers, source: str) -> None:
    before = signal.getsignal(signal.SIGINT)
    found = fault(student(answers(source), limit=0.3).f)
    assert found.kind == "timeout"
    assert "loop that never ends" in found.message
    assert signal.getsignal(signal.SIGINT) is before
    assert not any("time-limit" in thread.name for thread in threading.enumerate())


def test_a_single_call_that_cannot_be_stopped_is_waited_for_and_named(answers: Answers) -> None:
    """Compiled code does not look at signals; 2 * 10^8 numbers take it seconds."""
    source = "def f():\n    return sum(range(2 * 10**8))"
    found = fault(student(answers(source), limit=0.05).f)
    assert found.kind == "timeout"
    assert "A single call in it" in found.message


def test_the_users_own_interrupt_is_no_timeout(answers: Answers) -> None:
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("needs a signal from another thread")
    main, before = threading.get_ident(), signal.getsignal(signal.SIGINT)

    def press() -> None:
        """Press Ctrl-C in a moment: the answer has begun by now, and will be in its loop."""
        threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT)).start()

    signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            student(answers("def f(begun):\n    begun()\n    while True:\n        pass"), limit=20).f(press)
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_bound_holds_outside_the_main_thread_but_calls_work(answers: Answers) -> None:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(student(answers("double")).double(4)))
    thread.start()
    thread.join()
    assert got == [8]


def test_a_limit_that_ends_with_its_code_leaves_nothing_behind() -> None:
    """An interrupt may come at any instruction, also while the limit is set or taken away again."""

    def spin(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    before, interval = signal.getsignal(signal.SIGINT), sys.getswitchinterval()
    stopped = 0
    sys.setswitchinterval(1e-5)  # or the timer would hardly get a turn
    try:
        for turn in range(400):
            sys.setprofile((lambda *event: None) if turn % 2 else None)  # as while a forbidden call is looked for
            try:
                with TimeLimit(0.002):
                    spin(turn * 0.00001)
            except TimeIsUp:
                stopped += 1
            assert signal.getsignal(signal.SIGINT) is before
    finally:
        sys.setprofile(None)
        sys.setswitchinterval(interval)
    assert 0 < stopped < 400
    assert not any("time-limit" in thread.name for thread in threading.enumerate())
