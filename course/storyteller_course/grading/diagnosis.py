"""Which known mistake explains a failure, if any does. What is named must be true of the answer at hand.

When a case fails, the same case with the same draw runs with each known wrong answer of the exercise, in this process,
and the outcomes of its calls are compared with those of the student's. A wrong answer is named where

- it gives the same in every call of a case, and fails that case as well, where the case says the same about it in the
  same words; and so in more than half of the cases that fail;
- it fails no case in another way than the student's code, and none that this passes; and, if it is the code that a bug
  hunt gives, it does the same in all of them;
- its agreement tells something: it holds in a result that does not come about in two ways (`evidence.py`), or in two
  cases or in other results, and then with further seeds as well. Agreement in zeros, constants and arguments alone
  tells something only where the two are alike in all cases.

There is one diagnosis for an answer. Where several wrong answers are left, the one that agrees with the student in most
cases wins. A class's copy of a lesson has no wrong answers to run, but what each gives with the public seed:
`known_mistakes.py` has both kinds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from storyteller_course.exercises.equality import Rules, agreement, difference, is_tensor
from storyteller_course.exercises.evidence import tells_much
from storyteller_course.exercises.exercise import PUBLIC, Mismatch
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.grading.result import CaseRun, words
from storyteller_course.runner.protocol import Outcome
from storyteller_course.runner.student_errors import StudentError

FURTHER_SEEDS = ("public, once more", "public, a third time")  # with which a case is run where one result says little
MAX_DIAGNOSIS_S = 10.0  # an explanation is a courtesy
MIN_MISTAKE_S = 1.0  # that a known wrong answer may take in a case; more where the student's code took long
SAME = Rules(exact=False, rtol=1e-4, atol=1e-5)  # two results of the same mistake, whatever their type
MIN_MESSAGE_CHARS = 25  # of an exception that has a message of its own
MIN_WRONG = 3  # entries of a tensor that are wrong in the same way by no chance

AGREES, AGREES_AND_FAILS, DIFFERS, FAILS, TOO_SLOW = "agrees", "agrees and fails", "differs", "fails", "too slow"


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


@dataclass(kw_only=True)
class _Suspect:
    wrong: Wrong
    explained: set[str]  # the failed cases, by id, in which it fails in the same way
    contradicted: bool  # in another of them it fails otherwise
    agreeing: int  # cases in which it gives the same
    tells: bool  # in one of the explained cases the agreement is no chance
    several: bool  # there are several explained cases, and not all results in them are zeros or the like


def diagnose(
    runs: Sequence[CaseRun],
    mistakes: Sequence[KnownMistake],
    *,
    run_again: Callable[[CaseRun, str], CaseRun],
    passed_before: bool = False,
) -> tuple[Wrong | None, set[str]]:
    """The known wrong answer that explains failures, and the cases, by id, in which it does.

    Args:
        runs: of each case one.
        mistakes: known wrong answers, in the order in which they are preferred.
        run_again: runs the student's code in the case of a run with another seed.
        passed_before: whether all these cases passed with the public seed.
    """
    deadline = time.monotonic() + MAX_DIAGNOSIS_S
    failed = []  # where the student's code ran at all: a missing answer and a forbidden call say enough themselves
    for run in runs:
        kinds = {outcome.error.kind for outcome in run.outcomes if outcome.error}
        if run.failure is not None and not kinds & {"missing", "unfinished", "shortcut", "died", "spent"}:
            failed.append(run)
    passed = [run for run in runs if run.failure is None]
    suspects = []
    again: dict[tuple[str, str], CaseRun] = {}  # by case and seed

    def further(run: CaseRun, seed: str) -> CaseRun:
        key = run.case.id, seed
        if key not in again:
            again[key] = run_again(run, seed)
        return again[key]

    for mistake in mistakes:
        suspect = _suspect(failed, mistake, deadline)
        if suspect.contradicted or 2 * len(suspect.explained) <= len(failed):
            continue
        if passed_before:
            passed = [replace(run, seed=PUBLIC, failure=None) for run in runs]
        verdicts = [_compare(run, mistake) for run in passed if time.monotonic() < deadline]
        if mistake.wrong.is_as_given and (
            (mistake.wrong.steady and len(suspect.explained) < len(failed)) or verdicts.count(AGREES) < len(passed)
        ):
            continue
        if not {FAILS, AGREES_AND_FAILS} & set(verdicts):
            suspect.agreeing += verdicts.count(AGREES)
            explained = [run for run in failed if run.case.id in suspect.explained]
            is_all = len(explained) == len(failed) and verdicts.count(AGREES) == len(passed)
            is_sure = is_all and (len(failed) > 1 or mistake.wrong.is_as_given)
            if suspect.tells or _holds_further(
                explained, mistake, further, deadline, new=not (suspect.several or is_sure)
            ):
                suspects.append(suspect)
    if not suspects:
        return None, set()
    best = max(suspects, key=lambda one: (len(one.explained), one.agreeing))  # of equals the first
    return best.wrong, best.explained


def _suspect(failed: Sequence[CaseRun], mistake: KnownMistake, deadline: float) -> _Suspect:
    """In which failed cases the wrong answer fails in the same way, and how much that tells."""
    suspect = _Suspect(wrong=mistake.wrong, explained=set(), contradicted=False, agreeing=0, tells=False, several=False)
    little = 0
    for run in failed:
        verdict = _compare(run, mistake) if time.monotonic() < deadline else TOO_SLOW
        if verdict == TOO_SLOW:
            break
        suspect.contradicted = suspect.contradicted or verdict == FAILS
        if verdict == AGREES_AND_FAILS:
            suspect.explained.add(run.case.id)
            suspect.tells = suspect.tells or _tells(run, alone=len(failed) == 1)
            little += not _is_trivial(run)
    suspect.agreeing = len(suspect.explained)
    suspect.several = len(suspect.explained) > 1 and little > 0
    return suspect


def _holds_further(
    runs: Sequence[CaseRun],
    mistake: KnownMistake,
    further: Callable[[CaseRun, str], CaseRun],
    deadline: float,
    *,
    new: bool,
) -> bool:
    """Do the two agree with further seeds too, and with `new` at least once in another result than before?"""
    holds = not new
    for run in runs:
        for seed in FURTHER_SEEDS:
            if time.monotonic() > deadline:
                return False
            mine = further(run, seed)
            verdict = _compare(mine, mistake)
            if verdict not in (AGREES, AGREES_AND_FAILS):
                return False
            is_new = not all(map(_agree, mine.outcomes[-1:], run.outcomes[-1:]))
            holds = holds or (verdict == AGREES_AND_FAILS and is_new and not _is_trivial(mine))
    return holds


def _tells(run: CaseRun, *, alone: bool) -> bool:
    """Is agreement in this case no chance? `alone`: it is the only case that fails."""
    failure = run.failure
    if not isinstance(failure, Mismatch):  # an exception
        last = run.outcomes[-1].error if run.outcomes else None
        says_much = last is not None and (last.kind != "raised" or len(last.message) >= MIN_MESSAGE_CHARS)
        return says_much and alone
    if failure.changed:
        return True
    if not failure.compared and failure.got is None:
        return alone  # the case itself has a sentence for it
    pair = failure.pair
    if pair is not None and all(map(is_tensor, pair)) and pair[0].shape == pair[1].shape:
        wrong = ~agreement(*pair, failure.rules)
        if int(wrong.sum()) < MIN_WRONG or len(pair[0][wrong].unique()) < 2:
            return False
    got, wanted = failure.got, failure.wanted
    if failure.compared and isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        several = sum(difference(*pair, failure.rules) is not None for pair in zip(got, wanted, strict=True)) > 1
        if several and tells_much(got, []):
            return True
    return any(outcome.tells for outcome in run.outcomes[-1:])


def _is_trivial(run: CaseRun) -> bool:
    """Does what was compared, or the last result, say next to nothing: None, zeros, NaN?"""
    if not run.outcomes or run.outcomes[-1].echo:
        return True
    compared = isinstance(run.failure, Mismatch) and run.failure.compared
    value = run.failure.got if compared and isinstance(run.failure, Mismatch) else run.outcomes[-1].value
    items = value if isinstance(value, list | tuple) else [value]
    return run.outcomes[-1].error is None and all(map(_is_nothing, items))


def _is_nothing(value: Any) -> bool:
    if is_tensor(value):
        return bool((value == 0).all()) or bool((value != value).all())
    return value is None or (isinstance(value, int | float | str | bytes | list | tuple | dict) and not value)


def _compare(run: CaseRun, mistake: KnownMistake) -> str:
    """How does the wrong answer behave in this case, beside the student's?"""
    if run.is_endless:  # on a machine that is busy whatever code runs out of time
        return DIFFERS
    other = mistake.run(run, limit=max(MIN_MISTAKE_S, 5 * run.seconds))
    if other is None:
        return DIFFERS
    if other.is_endless:
        return TOO_SLOW
    about_arguments = isinstance(run.failure, Mismatch) and bool(run.failure.changed)
    fails = other.failure is not None or (about_arguments and bool(other.changed))
    agree = len(other.outcomes) == len(run.outcomes) and all(map(_agree, run.outcomes, other.outcomes))
    if not agree or (about_arguments and other.changed != run.changed) or not _same_finding(run.failure, other.failure):
        return FAILS if fails else DIFFERS
    return AGREES_AND_FAILS if fails else AGREES


def _same_finding(mine: Mismatch | StudentError | None, its: Mismatch | StudentError | None) -> bool:
    """Does the case say the same of both? It may have seen more than results: how a callback was called, say."""
    if not (isinstance(mine, Mismatch) and isinstance(its, Mismatch)) or mine.changed or its.changed:
        return True
    if mine.compared and its.compared and difference(mine.got, its.got, SAME) is not None:
        return False
    return words(mine.message) == words(its.message)


def _agree(mine: Outcome, its: Outcome) -> bool:
    """The same value, or an exception of the same class that says the same or comes from the same line."""
    if mine.error and its.error:
        if (mine.error.kind, mine.error.names[:1]) != (its.error.kind, its.error.names[:1]):
            return False
        same_line = bool(mine.error.code) and mine.error.code == its.error.code
        return same_line or mine.error.message == its.error.message
    if mine.error or its.error:
        return False
    return difference(mine.value, its.value, SAME) is None and difference(its.value, mine.value, SAME) is None
