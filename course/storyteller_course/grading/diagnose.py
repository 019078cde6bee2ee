"""Which known mistake did this student make?

When a case fails, the same case with the same draw runs with each known wrong answer of the exercise, in this process,
and what comes of its calls is compared with what came of the student's. A wrong answer that gives the same results and
fails the case as well explains the failure. Where several do, the one that agrees with the student in most cases wins.
A class's copy of a lesson has no wrong answers to run, but what each gives with the public seed (`recorded.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

from storyteller_course.exercises.equality import Rules, difference
from storyteller_course.exercises.exercise import Case
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.run import Run, run_case
from storyteller_course.runner.in_process import LocalStudent
from storyteller_course.runner.protocol import Outcome

BUDGET = 10.0  # seconds for one diagnosis; an explanation is a courtesy
SHORT = 1.0  # seconds that a known wrong answer may take in a case; more where the student's code took long

AGREES, AGREES_AND_FAILS, DIFFERS, TOO_SLOW = "agrees", "agrees and fails", "differs", "too slow"


class KnownMistake(Protocol):
    """A known wrong answer of which can be told what it does."""

    @property
    def wrong(self) -> Wrong:
        """Its name and explanation."""
        ...

    def run(self, like: Run, *, limit: float) -> Run | None:
        """What comes of it in the case of another run, with its seed; None where that is not known.

        Args:
            like: the other run.
            limit: seconds that its code may take.
        """
        ...


@dataclass(frozen=True, eq=False)
class Mistake:
    """A known wrong answer that can be run."""

    wrong: Wrong
    lesson: Lesson
    kept: dict[tuple[Case, str], Run] = field(default_factory=dict)  # by the case and its seed

    @cached_property
    def channel(self) -> LocalStudent:
        """Its code, beside the reference's functions."""
        return LocalStudent(self.lesson.namespace(self.wrong), anew=lambda: self.lesson.namespace(self.wrong))

    def run(self, like: Run, *, limit: float) -> Run:
        """What comes of this wrong answer in the case of another run, with its seed.

        It is the same for every student, and a class has few seeds, so it is kept, unless it was cut off at the limit.
        """
        key = like.case, like.seed
        if key not in self.kept:
            run = run_case(like.exercise, like.case, self.channel, like.seed, limit=limit, forbidden=())
            if _is_endless(run):
                return run
            if run.failure is not None:
                run.failure.__traceback__ = None  # or its frames, with all that is in them, would be kept as well
            self.kept[key] = run
        return self.kept[key]


@lru_cache(maxsize=128)  # exercises
def known_mistakes(lesson: Lesson, exercise: str) -> tuple[KnownMistake, ...]:
    """The known wrong answers of an exercise, to be run; in a class release, as they were recorded."""
    if lesson.reference is None:
        return tuple(lesson.recorded_mistakes(exercise))
    return tuple(Mistake(wrong, lesson) for wrong in lesson.mistakes(exercise))


def diagnose(runs: Sequence[Run], mistakes: Sequence[KnownMistake]) -> dict[str, Wrong]:
    """For each failed case, by id, the known wrong answer that explains it; cases that none explains are left out."""
    deadline = time.monotonic() + BUDGET
    failed = [run for run in runs if run.failure is not None and _may_be_known(run)]
    suspects = [(mistake, explained) for mistake in mistakes if (explained := _explained(failed, mistake, deadline))]
    scores = [len(explained) for _, explained in suspects]
    if len(suspects) > 1:
        others = [run for run in runs if run not in failed]
        for index, (mistake, _) in enumerate(suspects):
            scores[index] += sum(time.monotonic() < deadline and _compare(run, mistake) == AGREES for run in others)
    ranked = sorted(range(len(suspects)), key=lambda index: -scores[index])  # stable: as they are written
    found: dict[str, Wrong] = {}
    for index in ranked:
        mistake, explained = suspects[index]
        for case in explained:
            found.setdefault(case, mistake.wrong)
    return found


def _may_be_known(run: Run) -> bool:
    """Did the student's code run at all? A missing answer and a forbidden call say enough themselves."""
    kinds = {outcome.error.kind for outcome in run.outcomes if outcome.error}
    return not kinds & {"missing", "unfinished", "shortcut", "died"}


def _explained(failed: Sequence[Run], mistake: KnownMistake, deadline: float) -> set[str]:
    """The failed cases, by id, in which the wrong answer fails in the same way."""
    found = set()
    for run in failed:
        verdict = _compare(run, mistake) if time.monotonic() < deadline else TOO_SLOW
        if verdict == TOO_SLOW:
            break
        if verdict == AGREES_AND_FAILS:
            found.add(run.case.id)
    return found


def _compare(run: Run, mistake: KnownMistake) -> str:
    """How does the wrong answer behave in this case, beside the student's?"""
    limit = SHORT if _is_endless(run) else max(SHORT, 5 * run.seconds)
    other = mistake.run(run, limit=limit)
    if other is None:
        return DIFFERS
    if _is_endless(other) and not _is_endless(run):
        return TOO_SLOW
    if len(other.outcomes) != len(run.outcomes):
        return DIFFERS
    if not all(_alike(mine, its) for mine, its in zip(run.outcomes, other.outcomes, strict=True)):
        return DIFFERS
    return AGREES if other.failure is None else AGREES_AND_FAILS


def _is_endless(run: Run) -> bool:
    return any(outcome.error is not None and outcome.error.kind == "timeout" for outcome in run.outcomes)


def _alike(one: Outcome, other: Outcome) -> bool:
    if one.error and other.error:
        same_class = one.error.names[:1] == other.error.names[:1]
        return one.error.kind == other.error.kind and same_class
    if one.error or other.error:
        return False
    return difference(one.value, other.value, Rules(exact=False)) is None
