"""Grading: every case of an exercise against the code behind a transport. The notebook and the judge both use this."""

import time
from collections.abc import Collection, Sequence
from typing import Any

from storyteller_course.exercises.assertions import Mismatch
from storyteller_course.exercises.exercise import Case, Exercise
from storyteller_course.exercises.inputs import PUBLIC, Draw
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.grading.diagnose import KnownMistake, diagnose
from storyteller_course.grading.result import CaseResult, CaseRun, ExerciseResult
from storyteller_course.runner.protocol import Transport
from storyteller_course.runner.student_errors import StudentError
from storyteller_course.runner.student_proxy import StudentProxy

SLOW_LIMIT_DIVISOR = 3  # after a case that took too long, the others get this many times less, but at least a second
MAX_RESULT_PRINTED_CHARS = 5000
MAX_RESULT_NOTES = 5  # warnings, and names of changed arguments


def grade(
    exercise: Exercise,
    student: Transport,
    *,
    seeds: Sequence[str] = (PUBLIC,),
    mistakes: Sequence[KnownMistake] = (),
    only: Collection[str] | None = None,
    replaced: tuple[str, ...] = (),
) -> ExerciseResult:
    """Run every case with every seed; a case passes only if it passes with all of them.

    Args:
        exercise: what the code must do.
        student: the transport to the student's code.
        seeds: texts from which the inputs are drawn.
        mistakes: known wrong answers, from which failures are explained; see `known_mistakes.py`.
        only: the ids of the cases to run, None for all.
        replaced: exercises that the course's functions stand in for, to be noted in the result.
    """
    limit = exercise.limit
    runs: list[CaseRun] = []  # of each case the first that fails, or its last
    for case in exercise.cases:
        if only is not None and case.id not in only:
            continue
        for seed_index, seed in enumerate(seeds):
            run = run_case(exercise, case, student, seed, seed_index=seed_index, limit=limit)
            if run.failure is not None:
                break
        runs.append(run)
        if isinstance(run.failure, StudentError) and run.failure.kind == "timeout":
            limit = max(1.0, exercise.limit / SLOW_LIMIT_DIVISOR)
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


def run_case(
    exercise: Exercise,
    case: Case,
    transport: Transport,
    seed: str,
    *,
    seed_index: int = 0,
    limit: float | None = None,
    forbidden: tuple[str, ...] | None = None,
) -> CaseRun:
    """Run a case against the code behind `transport`; `limit` and `forbidden` default to the exercise's."""
    student = StudentProxy(
        transport,
        limit=exercise.limit if limit is None else limit,
        forbidden=exercise.forbidden if forbidden is None else forbidden,
        seed=f"{seed}\0{exercise.name}\0{case.id}",
    )
    failure: Mismatch | StudentError | None = None
    start = time.perf_counter()
    try:
        case.run(student, Draw(seed, exercise.name, case.id))
    except (Mismatch, StudentError) as error:
        failure = error
    except Exception as error:  # noqa: BLE001  the case stumbled over what the student's code gave back
        failure = Mismatch(
            f"Your result does not have the form that it should have; looking at it failed with "
            f"{type(error).__name__}: {str(error)[:200]}.",
            got=student.last_value,
        )
    seconds = time.perf_counter() - start
    return CaseRun(
        exercise=exercise,
        case=case,
        seed=seed,
        seed_index=seed_index,
        outcomes=student.close(),
        failure=failure,
        seconds=seconds,
    )


def _result(run: CaseRun, wrong: Wrong | None) -> CaseResult:
    """The result of a case, as data; `wrong` is the known wrong answer that explains its failure."""
    failure, case = run.failure, run.case
    details: dict[str, Any] = {}
    if isinstance(failure, Mismatch):
        names = ("message", "got", "wanted", "compared", "where", "pair", "rules")
        details = {"kind": "mismatch", **{name: getattr(failure, name) for name in names}}
    elif isinstance(failure, StudentError):
        message = failure.message
        if failure.kind == "raised":
            exception = failure.names[0] if failure.names else "an exception"
            place = f" in line {failure.line}" if failure.line else ""
            message = f"Your code raised {exception}{place}" + (f": {message}" if message else "") + "."
        details = {"kind": failure.kind, "message": message, "line": failure.line, "code": failure.code}
    if wrong is not None:
        details |= {"explanation": wrong.explanation, "mistake": wrong.name}
    mutated = dict.fromkeys(name for outcome in run.outcomes for name in outcome.mutated)
    warnings = dict.fromkeys(text for outcome in run.outcomes for text in outcome.warnings)
    return CaseResult(
        id=case.id,
        title=case.title,
        points=case.points,
        earned=0 if failure else case.points,
        passed=failure is None,
        mutated=tuple(mutated)[:MAX_RESULT_NOTES],
        printed="".join(outcome.printed for outcome in run.outcomes)[:MAX_RESULT_PRINTED_CHARS],
        warnings=tuple(warnings)[:MAX_RESULT_NOTES],
        seconds=run.seconds,
        seed_index=run.seed_index,
        **details,
    )
