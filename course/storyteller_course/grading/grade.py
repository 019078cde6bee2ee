"""Grading: every case of an exercise against the code behind a channel. The notebook and the judge both use this."""

from collections.abc import Collection, Sequence
from typing import Any

from storyteller_course.exercises.assertions import Mismatch
from storyteller_course.exercises.exercise import Case, Exercise
from storyteller_course.exercises.inputs import PUBLIC
from storyteller_course.grading.diagnose import KnownMistake, diagnose
from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_course.grading.run import Run, run_case
from storyteller_course.runner.protocol import Channel, StudentError

__all__ = ["CaseResult", "ExerciseResult", "grade"]

PATIENCE = 3  # after a case that took too long, the others get this many times less, but at least a second


def grade(
    exercise: Exercise,
    student: Channel,
    *,
    seeds: Sequence[str] = (PUBLIC,),
    mistakes: Sequence[KnownMistake] = (),
    only: Collection[str] | None = None,
    replaced: tuple[str, ...] = (),
) -> ExerciseResult:
    """Run every case with every seed; a case passes only if it passes with all of them.

    Args:
        exercise: what the code must do.
        student: the way to the code.
        seeds: texts from which the inputs are drawn.
        mistakes: known wrong answers, from which failures are explained; see `diagnose.known_mistakes`.
        only: the ids of the cases to run, None for all.
        replaced: exercises that the course's parts stand in for, to be noted in the result.
    """
    cases = [case for case in exercise.cases if only is None or case.id in only]
    runs = _run_all(exercise, cases, student, seeds)
    failed = any(run.failure for run in runs)
    explained = diagnose(runs, mistakes) if failed and mistakes else {}
    results = [_result(run, explained.get(run.case.id)) for run in runs]
    guards_hold = all(result.passed for result in results if result.points == 0)
    names = [wrong.name for wrong in explained.values()]
    return ExerciseResult(
        name=exercise.name,
        points=exercise.points,
        earned=sum(result.earned for result in results) if guards_hold else 0,
        solved=not failed,
        cases=results,
        mistake=max(names, key=names.count) if names else "",
        replaced=replaced,
    )


def _run_all(exercise: Exercise, cases: list[Case], student: Channel, seeds: Sequence[str]) -> list[Run]:
    """Each case's first failing run, or its last."""
    limit, runs = exercise.limit, []
    for case in cases:
        for index, seed in enumerate(seeds):
            run = run_case(exercise, case, student, seed, seed_index=index, limit=limit)
            if run.failure is not None:
                break
        runs.append(run)
        if isinstance(run.failure, StudentError) and run.failure.kind == "timeout":
            limit = max(1.0, exercise.limit / PATIENCE)
    return runs


def _result(run: Run, wrong: Any) -> CaseResult:
    failure, case = run.failure, run.case
    details: dict[str, Any] = {}
    if isinstance(failure, Mismatch):
        names = ("message", "got", "wanted", "compared", "where", "pair", "rules")
        details = {"kind": "mismatch", **{name: getattr(failure, name) for name in names}}
    elif isinstance(failure, StudentError):
        details = {"kind": failure.kind, "message": _sentence(failure), "line": failure.line, "code": failure.code}
    if wrong is not None:
        details |= {"explanation": wrong.explanation, "mistake": wrong.name}
    return CaseResult(
        id=case.id,
        title=case.title,
        points=case.points,
        earned=0 if failure else case.points,
        passed=failure is None,
        mutated=tuple(dict.fromkeys(name for outcome in run.outcomes for name in outcome.mutated))[:5],
        printed="".join(outcome.printed for outcome in run.outcomes)[:5000],
        warnings=tuple(dict.fromkeys(text for outcome in run.outcomes for text in outcome.warnings))[:5],
        seconds=run.seconds,
        seed_index=run.seed_index,
        **details,
    )


def _sentence(error: StudentError) -> str:
    if error.kind != "raised":
        return error.message
    name = error.names[0] if error.names else "an exception"
    place = f" in line {error.line}" if error.line else ""
    return f"Your code raised {name}{place}" + (f": {error.message}" if error.message else "") + "."
