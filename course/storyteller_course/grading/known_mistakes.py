"""The known wrong answers of an exercise, as the diagnosis asks them: each is run on the case of the student's code.

A class's copy of a lesson has in their place what each of them gives on the public inputs, recorded in `mistakes.zip`,
so that a mistake is recognised and explained there as in the repository. The file has a member for each exercise, which
is read when a check fails: plain data and tensors as `storyteller_course.runner.serialization` writes them. An outcome
that several wrong answers share is there once.
"""

import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import zipped
from storyteller_course.exercises.exercise import PUBLIC, Case, Mismatch
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.diagnosis import FURTHER_SEEDS, KnownMistake
from storyteller_course.grading.grade import run_case
from storyteller_course.grading.result import CaseRun
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.protocol import Outcome
from storyteller_course.runner.serialization import Malformed, Reference, decode, encode
from storyteller_course.runner.student_errors import StudentError


@lru_cache(maxsize=128)  # exercises
def known_mistakes(lesson: Lesson, exercise: str) -> tuple[KnownMistake, ...]:
    """The known wrong answers of an exercise, to be run; in a class release, as they were recorded."""
    if lesson.reference is None:
        return tuple(lesson.recorded_mistakes(exercise))
    return tuple(Mistake(wrong, lesson) for wrong in lesson.mistakes(exercise))


@dataclass(frozen=True, eq=False)
class Mistake:
    """A known wrong answer that can be run."""

    wrong: Wrong
    lesson: Lesson
    runs: dict[tuple[Case, str], CaseRun] = field(default_factory=dict)  # by the case and its public seed

    @cached_property
    def transport(self) -> InProcessStudent:
        """Its code, beside the reference's functions."""
        return InProcessStudent(self.lesson.namespace(self.wrong), anew=lambda: self.lesson.namespace(self.wrong))

    def run(self, like: CaseRun, *, limit: float) -> CaseRun:
        """The result of this wrong answer in the case of another run, with that run's seed.

        With a public seed it is the same for every student, so it is kept, unless it was cut off at the limit. Hidden
        seeds are of one hand-in.
        """
        key = like.case, like.seed
        if key not in self.runs:
            run = run_case(like.exercise, like.case, self.transport, like.seed, limit=limit, forbidden=())
            if run.is_endless or like.seed not in (PUBLIC, *FURTHER_SEEDS):
                return run
            if run.failure is not None:
                run.failure.__traceback__ = None  # or its frames, with all that is in them, would be kept as well
            self.runs[key] = run
        return self.runs[key]


# --- Recorded ---------------------------------------------------------------------------------------------------------

# What reading a damaged file raises: zipfile, the decoder, and taking apart what is of another form.
_BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)
_STRANGE = (Malformed, ValueError, TypeError, LookupError)

_VALUE, _OBJECT, _ERROR = "value", "object", "error"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The result of a wrong answer in a case."""

    outcomes: Sequence[Outcome]  # of the calls; of an error only its kind, its class and its message
    finding: str | None  # what the case said of them, without the numbers; None where it passed


@dataclass(frozen=True, eq=False)
class RecordedMistake:
    """A known wrong answer that was run with the public seeds when the class's copy was made."""

    wrong: Wrong  # without its code
    cases: Mapping[tuple[str, str], Behaviour]  # by the case's id and the seed

    def run(self, like: CaseRun, *, limit: float) -> CaseRun | None:
        """Its result in the case of another run; None where that run's inputs are not public ones."""
        known = self.cases.get((like.case.id, like.seed))
        if known is None:
            return None
        return CaseRun(
            exercise=like.exercise,
            case=like.case,
            seed=like.seed,
            seed_index=like.seed_index,
            outcomes=list(known.outcomes),
            failure=None if known.finding is None else Mismatch(known.finding),
            seconds=0.0,
        )


def pack_mistakes(recorded: Mapping[str, Sequence[RecordedMistake]]) -> bytes:
    """The content of `mistakes.zip`; the same for the same records.

    Args:
        recorded: the wrong answers, by exercise.
    """
    return zipped({exercise: _encoded(mistakes) for exercise, mistakes in recorded.items()})


def unpack_mistakes(path: Path, exercise: str) -> list[RecordedMistake]:
    """The wrong answers of an exercise, out of `mistakes.zip`; none where it has none.

    Raises:
        StorytellerError: the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if exercise not in archive.namelist():
                return []
            rows, pool = decode(archive.read(exercise))
        outcomes = []
        for kind_of_outcome, *content in pool:
            *content, mutated = content
            if kind_of_outcome == _ERROR:
                kind, message, names = content
                outcomes.append(Outcome(error=StudentError(kind, message, names=names), mutated=mutated))
            elif kind_of_outcome == _OBJECT:
                outcomes.append(Outcome(value=Reference(*content), mutated=mutated))
            elif kind_of_outcome == _VALUE:
                [value] = content
                outcomes.append(Outcome(value=value, mutated=mutated))
            else:
                raise ValueError(f"an outcome of the unknown kind {kind_of_outcome!r}")
        return [
            RecordedMistake(
                Wrong(exercise, name, explanation, synonym_of=synonym),
                {
                    case: Behaviour(outcomes=[outcomes[number] for number in calls], finding=finding)
                    for case, (finding, calls) in cases.items()
                },
            )
            for (name, explanation, synonym), cases in rows
        ]
    except (*_BROKEN, *_STRANGE) as error:
        raise StorytellerError(
            f"{path} is damaged ({error}): take it once more out of the lesson that was handed out to you."
        ) from error


def _encoded(mistakes: Iterable[RecordedMistake]) -> bytes:
    pool: dict[bytes, tuple[int, Any]] = {}  # what a diagnosis compares of an outcome, as bytes: its number, plain data

    def number(outcome: Outcome) -> int:
        plain: tuple[Any, ...]
        if outcome.error is not None:
            plain = _ERROR, outcome.error.kind, outcome.error.message, outcome.error.names[:1], outcome.mutated
        elif isinstance(outcome.value, Reference):  # an object that was made beside the student's code
            plain = _OBJECT, outcome.value.number, outcome.value.kind, outcome.mutated
        else:
            plain = _VALUE, outcome.value, outcome.mutated
        return pool.setdefault(encode(plain), (len(pool), plain))[0]

    rows = [
        (
            (mistake.wrong.name, mistake.wrong.explanation, mistake.wrong.synonym_of),
            {
                case: (behaviour.finding, [number(outcome) for outcome in behaviour.outcomes])
                for case, behaviour in mistake.cases.items()
            },
        )
        for mistake in mistakes
    ]
    return encode((rows, [plain for _, plain in pool.values()]))
