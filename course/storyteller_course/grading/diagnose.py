"""Which known mistake did this student make?

When a case fails, the same case with the same draw runs with each known wrong answer of the exercise, in this process,
and the results of its calls are compared with those of the student's. A wrong answer that gives the same results and
fails the case as well explains the failure. Where several do, the one that agrees with the student in most cases wins.
A class's copy of a lesson has no wrong answers to run, but what each gives with the public seed: `known_mistakes.py`
and `recorded_mistakes.py` have the two kinds.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from storyteller_course.exercises.equality import Rules, difference
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.grading.result import CaseRun
from storyteller_course.runner.protocol import Outcome

MAX_DIAGNOSIS_S = 10.0  # an explanation is a courtesy
MIN_MISTAKE_S = 1.0  # that a known wrong answer may take in a case; more where the student's code took long

AGREES, AGREES_AND_FAILS, DIFFERS, TOO_SLOW = "agrees", "agrees and fails", "differs", "too slow"


class KnownMistake(Protocol):
    """A known wrong answer whose behaviour can be asked for: run here, or recorded."""

    @property
    def wrong(self) -> Wrong:
        """Its name and explanation."""
        ...

    def run(self, like: CaseRun, *, limit: float) -> CaseRun | None:
        """Its result in the case of another run, with that run's seed; None where it is not known.

        Args:
            like: the other run.
            limit: seconds that its code may take.
        """
        ...


def diagnose(runs: Sequence[CaseRun], mistakes: Sequence[KnownMistake]) -> dict[str, Wrong]:
    """For each failed case, by id, the known wrong answer that explains it; cases that none explains are left out."""
    deadline = time.monotonic() + MAX_DIAGNOSIS_S
    failed = []  # where the student's code ran at all: a missing answer and a forbidden call say enough themselves
    for run in runs:
        kinds = {outcome.error.kind for outcome in run.outcomes if outcome.error}
        if run.failure is not None and not kinds & {"missing", "unfinished", "shortcut", "died"}:
            failed.append(run)
    suspects = [(mistake, explained) for mistake in mistakes if (explained := _explained(failed, mistake, deadline))]
    scores = [len(explained) for _, explained in suspects]
    if len(suspects) > 1:
        others = [run for run in runs if run not in failed]
        for index, (mistake, _) in enumerate(suspects):
            scores[index] += sum(time.monotonic() < deadline and _compare(run, mistake) == AGREES for run in others)
    ranked = sorted(range(len(suspects)), key=lambda index: -scores[index])  # stable: as they are written
    explanations: dict[str, Wrong] = {}
    for index in ranked:
        mistake, explained = suspects[index]
        for case in explained:
            explanations.setdefault(case, mistake.wrong)
    return explanations


def _explained(failed: Sequence[CaseRun], mistake: KnownMistake, deadline: float) -> set[str]:
    """The failed cases, by id, in which the wrong answer fails in the same way."""
    explained = set()
    for run in failed:
        verdict = _compare(run, mistake) if time.monotonic() < deadline else TOO_SLOW
        if verdict == TOO_SLOW:
            break
        if verdict == AGREES_AND_FAILS:
            explained.add(run.case.id)
    return explained


def _compare(run: CaseRun, mistake: KnownMistake) -> str:
    """How does the wrong answer behave in this case, beside the student's?"""
    limit = MIN_MISTAKE_S if run.is_endless else max(MIN_MISTAKE_S, 5 * run.seconds)
    other = mistake.run(run, limit=limit)
    if other is None:
        return DIFFERS
    if other.is_endless and not run.is_endless:
        return TOO_SLOW
    if len(other.outcomes) != len(run.outcomes):
        return DIFFERS
    if not all(_agree(mine, its) for mine, its in zip(run.outcomes, other.outcomes, strict=True)):
        return DIFFERS
    return AGREES if other.failure is None else AGREES_AND_FAILS


def _agree(mine: Outcome, its: Outcome) -> bool:
    """The same value, or an exception of the same class."""
    if mine.error and its.error:
        return mine.error.kind == its.error.kind and mine.error.names[:1] == its.error.names[:1]
    if mine.error or its.error:
        return False
    return difference(mine.value, its.value, Rules(exact=False)) is None
