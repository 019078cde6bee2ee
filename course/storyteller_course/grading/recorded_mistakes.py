"""What each known wrong answer gives on the public inputs, recorded.

A class's copy of a lesson has this in the place of the answers, so that a mistake is recognised and explained there as
in the repository.

`mistakes.zip` has a member for each exercise, which is read when a check fails: plain data and tensors as
`storyteller_course.runner.serialization` writes them. An outcome that several wrong answers share is there once.
"""

import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import zipped
from storyteller_course.exercises.assertions import Mismatch
from storyteller_course.exercises.inputs import PUBLIC
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.grading.result import CaseRun
from storyteller_course.runner.protocol import Outcome
from storyteller_course.runner.serialization import Malformed, Reference, decode, encode
from storyteller_course.runner.student_errors import StudentError

# What reading a damaged file raises: zipfile, the decoder, and taking apart what is of another form.
_BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)
_STRANGE = (Malformed, ValueError, TypeError, LookupError)

_VALUE, _OBJECT, _ERROR = "value", "object", "error"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The result of a wrong answer in a case."""

    outcomes: Sequence[Outcome]  # of the calls; of an error only its kind and its class are kept
    fails: bool


@dataclass(frozen=True, eq=False)
class RecordedMistake:
    """A known wrong answer that was run when the class's copy was made."""

    wrong: Wrong  # without its code
    cases: Mapping[str, Behaviour]  # by the case's id

    def run(self, like: CaseRun, *, limit: float) -> CaseRun | None:
        """Its result in the case of another run; None where that run's inputs are not the public ones."""
        known = self.cases.get(like.case.id) if like.seed == PUBLIC else None
        if known is None:
            return None
        return CaseRun(
            exercise=like.exercise,
            case=like.case,
            seed=like.seed,
            seed_index=like.seed_index,
            outcomes=list(known.outcomes),
            failure=Mismatch(self.wrong.explanation) if known.fails else None,
            seconds=0.0,
        )


def pack(recorded: Mapping[str, Sequence[RecordedMistake]]) -> bytes:
    """The content of `mistakes.zip`; the same for the same records.

    Args:
        recorded: the wrong answers, by exercise.
    """
    return zipped({exercise: _encoded(mistakes) for exercise, mistakes in recorded.items()})


def unpack(path: Path, exercise: str) -> list[RecordedMistake]:
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
            if kind_of_outcome == _ERROR:
                kind, names = content
                outcomes.append(Outcome(error=StudentError(kind, "", names=names)))
            elif kind_of_outcome == _OBJECT:
                outcomes.append(Outcome(value=Reference(*content)))
            elif kind_of_outcome == _VALUE:
                [value] = content
                outcomes.append(Outcome(value=value))
            else:
                raise ValueError(f"an outcome of the unknown kind {kind_of_outcome!r}")
        return [
            RecordedMistake(
                Wrong(exercise, name, explanation, synonym_of=synonym),
                {
                    case: Behaviour(outcomes=[outcomes[number] for number in calls], fails=fails)
                    for case, (fails, calls) in cases.items()
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
            plain = _ERROR, outcome.error.kind, outcome.error.names[:1]
        elif isinstance(outcome.value, Reference):  # an object that was made beside the student's code
            plain = _OBJECT, outcome.value.number, outcome.value.kind
        else:
            plain = _VALUE, outcome.value
        return pool.setdefault(encode(plain), (len(pool), plain))[0]

    rows = [
        (
            (mistake.wrong.name, mistake.wrong.explanation, mistake.wrong.synonym_of),
            {
                case: (behaviour.fails, [number(outcome) for outcome in behaviour.outcomes])
                for case, behaviour in mistake.cases.items()
            },
        )
        for mistake in mistakes
    ]
    return encode((rows, [plain for _, plain in pool.values()]))
