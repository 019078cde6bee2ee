"""Grading: every case of an exercise against the code behind a transport. The notebook and the judge both use this.

A case fails where its assertions do. An argument that was changed in place costs points too, in the notebook as in the
judge: those of a case that asks (`unchanged`), and otherwise those of the cheapest passed case in which it was seen.
What a function is meant to change, its exercise names in `may_change`. `diagnosis.py` looks for the known mistake
behind a failure.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from storyteller_course.exercises.equality import kind_of
from storyteller_course.exercises.exercise import PUBLIC, Case, Draw, Exercise, Mismatch, changed
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.recorded import NotRecorded, replaying
from storyteller_course.grading.diagnosis import KnownMistake, diagnose
from storyteller_course.grading.result import CaseResult, CaseRun, ExerciseResult, points_of
from storyteller_course.runner.protocol import Transport, TransportFault
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
    charged: bool = False,
) -> ExerciseResult:
    """Run every case with every seed; a case passes only if it passes with all of them.

    Args:
        exercise: what the code must do.
        student: the transport to the student's code.
        seeds: texts from which the inputs are drawn.
        mistakes: known wrong answers, from which failures are explained; see `known_mistakes.py`.
        only: the ids of the cases to run, None for all.
        replaced: exercises that the course's functions stand in for, to be noted in the result.
        charged: whether arguments that were changed in place have cost points already, with other seeds.
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
    if not charged:
        _charge_changes(runs)
    failed = any(run.failure for run in runs)
    passed_before = only is not None and PUBLIC not in seeds  # the judge: what passes with the public seed
    wrong, explained, no_diagnosis = None, set[str](), ""
    if failed and mistakes:

        def run_again(run: CaseRun, seed: str) -> CaseRun:
            return run_case(exercise, run.case, student, seed, limit=limit)

        try:
            wrong, explained = diagnose(runs, mistakes, run_again=run_again, passed_before=passed_before)
        except TransportFault:
            raise
        except Exception as error:  # noqa: BLE001  an explanation is a courtesy: points do not hang on it
            no_diagnosis = f"{type(error).__name__}: {error}"
    results = [_result(run, wrong if run.case.id in explained else None) for run in runs]
    return ExerciseResult(
        name=exercise.name,
        points=exercise.points,
        earned=points_of(results),
        solved=not failed,
        cases=results,
        mistake=wrong.name if wrong else "",
        replaced=replaced,
        no_diagnosis=no_diagnosis,
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
        with replaying(exercise.wanted, exercise.name, case.id, seed):
            case.run(student, Draw(seed, exercise.name, case.id))
    except (Mismatch, StudentError) as error:
        failure = error
    except (TransportFault, NotRecorded):
        raise
    except Exception:  # noqa: BLE001  the case stumbled over what the student's code gave back
        failure = Mismatch(
            f"Your result, {kind_of(student.last_value)}, does not have the form that it should have: nothing can be "
            "computed with it here. Compare its shape and its parts with what the docstring promises.",
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


def _charge_changes(runs: list[CaseRun]) -> None:
    """Fail the cheapest passed case in which an argument was changed in place, unless a case has asked for it."""
    if any(isinstance(run.failure, Mismatch) and run.failure.changed for run in runs):
        return
    seen = [index for index, run in enumerate(runs) if run.failure is None and run.case.points and run.changed]
    if seen:
        index = min(seen, key=lambda index: runs[index].case.points)
        names = runs[index].changed
        runs[index] = replace(runs[index], failure=Mismatch(changed(names), changed=names))


def _result(run: CaseRun, wrong: Wrong | None) -> CaseResult:
    """The result of a case, as data; `wrong` is the known wrong answer that explains its failure."""
    failure, case = run.failure, run.case
    details: dict[str, Any] = {}
    if isinstance(failure, Mismatch):
        names = ("message", "got", "wanted", "compared", "where", "pair", "rules", "rounding")
        details = {"kind": "mismatch", **{name: getattr(failure, name) for name in names}}
    elif isinstance(failure, StudentError):
        message = failure.message
        if failure.kind == "raised":
            exception = failure.names[0] if failure.names else "an exception"
            place = f" in line {failure.line}" if failure.line else ""
            message = f"Your code raised {exception}{place}" + (f": {message}" if message else "")
            message += "" if message.endswith((".", "!", "?")) else "."
        details = {"kind": failure.kind, "message": message, "line": failure.line, "code": failure.code}
    if wrong is not None:
        details |= {"explanation": wrong.explanation, "mistake": wrong.name}
    warnings = dict.fromkeys(text for outcome in run.outcomes for text in outcome.warnings)
    return CaseResult(
        id=case.id,
        title=case.title,
        points=case.points,
        earned=0 if failure else case.points,
        passed=failure is None,
        mutated=run.changed[:MAX_RESULT_NOTES],
        charged=isinstance(failure, Mismatch) and bool(failure.changed),
        printed="".join(outcome.printed for outcome in run.outcomes)[:MAX_RESULT_PRINTED_CHARS],
        warnings=tuple(warnings)[:MAX_RESULT_NOTES],
        seconds=run.seconds,
        seed_index=run.seed_index,
        trivial=run.trivial,
        **details,
    )
