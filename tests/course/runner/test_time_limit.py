"""An answer is stopped in time, whatever it catches, and an interrupt of the user's own is none of that."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from student_calls import fault, student

from storyteller_course.runner import time_limit
from storyteller_course.runner.time_limit import Alarm, TimeIsUp, TimeLimit, TimerThread

Answers = Callable[..., dict[str, Any]]


@pytest.fixture(params=[Alarm, TimerThread], autouse=True)
def timer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Alarm | TimerThread]:
    """What Windows has works everywhere."""
    if request.param is Alarm and not hasattr(signal, "setitimer"):
        pytest.skip("needs an alarm signal")
    monkeypatch.setattr(time_limit, "new_timer", request.param)
    kind: type[Alarm | TimerThread] = request.param
    return kind


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (Alarm.number, TimerThread.number)]


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
    before = handlers()
    found = fault(student(answers(source), limit=0.3).f)
    assert found.kind == "timeout"
    assert "loop that never ends" in found.message
    assert handlers() == before
    assert not any("time-limit" in thread.name for thread in threading.enumerate())


def test_a_single_call_that_cannot_be_stopped_is_waited_for_and_named(answers: Answers) -> None:
    """Compiled code does not look at signals: here a filter asks for the time until two seconds are over."""
    source = "import time\ndef f():\n    return next(filter((time.monotonic() + 2).__lt__, iter(time.monotonic, None)))"
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


def test_a_limit_that_comes_inside_a_destructor_comes_again_and_is_not_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Python cannot pass on what a destructor raises: it would write it to standard error and go on."""
    entered: list[float] = []

    class Endless:
        def __del__(self) -> None:
            entered.append(time.perf_counter())
            while True:
                pass

    def answer() -> None:
        Endless()
        while True:
            pass

    before = sys.unraisablehook
    with pytest.raises(TimeIsUp), TimeLimit(0.05):
        answer()
    assert len(entered) == 1
    assert sys.unraisablehook is before
    assert capsys.readouterr().err == ""


def test_what_else_a_destructor_raises_is_reported_as_ever() -> None:
    class Broken:
        def __del__(self) -> None:
            raise RuntimeError("no end")

    reports: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda report: reports.append(report.exc_value)
    try:
        with TimeLimit(5):
            Broken()
    finally:
        sys.unraisablehook = before
    (error,) = reports
    assert isinstance(error, RuntimeError)


def test_a_limit_that_ends_with_its_code_leaves_nothing_behind() -> None:
    """An interrupt may come at any instruction, also while the limit is set or taken away again."""

    def spin(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    before, interval = handlers(), sys.getswitchinterval()
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
            assert handlers() == before
    finally:
        sys.setprofile(None)
        sys.setswitchinterval(interval)
    assert 0 < stopped < 400
    assert not any("time-limit" in thread.name for thread in threading.enumerate())


def test_a_limit_within_another_leaves_that_as_it_was() -> None:
    def outer() -> None:
        with TimeLimit(5):
            time.sleep(0.05)
        time.sleep(60)

    with pytest.raises(TimeIsUp), TimeLimit(0.3):
        outer()


def test_an_alarm_of_the_callers_comes_in_its_time() -> None:
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs an alarm signal")
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with TimeLimit(5):
            time.sleep(0.01)
        end = time.monotonic() + 20
        while not rung and time.monotonic() < end:
            time.sleep(0.01)
        assert rung == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
