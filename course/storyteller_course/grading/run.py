"""One case, run once."""

import time
from dataclasses import dataclass

from storyteller_course.exercises.assertions import Mismatch
from storyteller_course.exercises.exercise import Case, Exercise
from storyteller_course.exercises.inputs import Draw
from storyteller_course.runner.protocol import Channel, Outcome, StudentError
from storyteller_course.runner.student_proxy import Student


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What came of a case with one seed."""

    exercise: Exercise
    case: Case
    seed: str
    seed_index: int
    outcomes: list[Outcome]  # of the calls, in their order
    failure: Mismatch | StudentError | None  # None: passed
    seconds: float


def run_case(
    exercise: Exercise,
    case: Case,
    channel: Channel,
    seed: str,
    *,
    seed_index: int = 0,
    limit: float | None = None,
    forbidden: tuple[str, ...] | None = None,
) -> Run:
    """Run a case against the code behind `channel`; `limit` and `forbidden` default to the exercise's."""
    student = Student(
        channel,
        limit=exercise.limit if limit is None else limit,
        forbidden=exercise.forbidden if forbidden is None else forbidden,
        seed=f"{seed}\0{exercise.name}\0{case.id}",
    )
    start = time.perf_counter()
    failure = _failure(student, exercise, case, seed)
    seconds = time.perf_counter() - start
    outcomes = student.close()
    return Run(
        exercise=exercise,
        case=case,
        seed=seed,
        seed_index=seed_index,
        outcomes=outcomes,
        failure=failure,
        seconds=seconds,
    )


def _failure(student: Student, exercise: Exercise, case: Case, seed: str) -> Mismatch | StudentError | None:
    try:
        case.run(student, Draw(seed, exercise.name, case.id))
    except (Mismatch, StudentError) as failure:
        return failure
    except Exception as error:  # noqa: BLE001  the case stumbled over what the student's code gave back
        got = student.last_value
        return Mismatch(
            f"Your result does not have the form that it should have; looking at it failed with "
            f"{type(error).__name__}: {str(error)[:200]}.",
            got=got,
        )
    return None
