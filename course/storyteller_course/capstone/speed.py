"""How fast a student's function is beside the course's own: right will do in a lesson, not in a long run."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

TOO_SLOW = 3.0  # times slower than the course's
SHORTEST = 2e-3  # seconds; what takes less is timed several times in a row
ENOUGH = 20.0  # times slower: there is nothing more to be found out

Clock = Callable[[], float]


def times_slower(
    own: Callable[[], Any], course: Callable[[], Any], *, rounds: int = 5, clock: Clock = time.process_time
) -> float:
    """How many times longer `own` takes than `course`: the ratio of the medians of runs that take turns.

    CPU time, not time on the wall: it asks how much work there is, whatever else the machine does meanwhile. Both
    should have been called once before, for the first call of anything pays for what is done only once.

    >>> now = [0.0]
    >>> def work(seconds):
    ...     now[0] += seconds
    >>> times_slower(lambda: work(0.5), lambda: work(0.125), clock=lambda: now[0])
    4.0
    """
    repeats = 1
    while (seconds := _taken(course, repeats, clock)) < SHORTEST and repeats < 4096:
        repeats *= 2
    once = seconds / repeats
    first = _taken(own, 1, clock)
    if once > 0 and first > ENOUGH * once and first > SHORTEST:
        return first / once
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(_taken(own, repeats, clock))
        theirs.append(_taken(course, repeats, clock))
    return median(mine) / max(median(theirs), 1e-9)


def _taken(work: Callable[[], Any], repeats: int, clock: Clock) -> float:
    start = clock()
    for _ in range(repeats):
        work()
    return clock() - start
