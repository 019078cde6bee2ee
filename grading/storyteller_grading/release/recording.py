"""Records what a lesson's checks want with the public seeds, and tries the class's copy of them.

The reference runs once in every case, in this process, with checks that note the value of each place that
`sealed_checks.py` has found. What cannot be written down (a module, a tensor that still has its graph of autograd)
stays in the class's copy as it is; then the places within it are looked up. The copy is run with the reference as well:
it must ask the same of it and find nothing wrong.
"""

import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_course.exercises.equality import Rules, difference, is_tensor
from storyteller_course.exercises.exercise import PUBLIC
from storyteller_course.exercises.lesson import CHECKS, REFERENCE, WANTED, Lesson, load_lesson
from storyteller_course.exercises.recorded import Values, pack_values
from storyteller_course.grading.diagnosis import FURTHER_SEEDS
from storyteller_course.grading.grade import run_case
from storyteller_course.grading.result import CaseRun
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.protocol import CallBack
from storyteller_course.runner.serialization import Fixture, Reference, SerializationError, decode, encode
from storyteller_grading.release.sealed_checks import SealedChecks

SEEDS = (PUBLIC, *FURTHER_SEEDS)  # the notebook's, and those with which it looks for a known mistake once more
EXACTLY = Rules(dtype=True, ordered=True)
Key = tuple[str, str, str]  # exercise, case, seed


@dataclass(kw_only=True)
class Visit:
    """A value of a place, as it was when a check came by."""

    place: int
    within: tuple[int, ...]  # the places that were being computed
    value: Any  # None where it cannot be written down
    plain: bool  # can it be written down, and read again just as it was?
    comparable: bool  # will it do to be compared with?


@dataclass
class Recorder:
    """The visits of one case."""

    visits: list[Visit] = field(default_factory=list)
    within: list[int] = field(default_factory=list)

    def visit(self, place: int, compute: Callable[[], Any]) -> Any:
        """Compute a place's value, and note it as it is now."""
        outer = tuple(self.within)
        self.within.append(place)
        try:
            value = compute()
        finally:
            self.within.pop()
        try:
            again = decode(encode(value))
            comparable = difference(again, value, EXACTLY) is None and difference(value, again, EXACTLY) is None
        except SerializationError:
            again, comparable = None, False
        plain = comparable and _same(again, value)
        self.visits.append(Visit(place=place, within=outer, value=again, comparable=comparable, plain=plain))
        return value


_recorders: list[Recorder] = []


def recorded(place: int, compute: Callable[[], Any] | None = None, *, call: Callable[..., Any] = object) -> Any:
    """What the checks call while they are recorded: gives a value, or a function in the place of `call`."""
    if compute is not None:
        return _recorders[-1].visit(place, compute)
    return lambda *args, **kwargs: _recorders[-1].visit(place, lambda: call(*args, **kwargs))


def _same(again: Any, value: Any) -> bool:
    """Is a value that was read the same in kind too, down to its parts?"""
    if type(again) is not type(value):
        return False
    if is_tensor(value):
        return not value.requires_grad
    if isinstance(value, dict):
        return all(map(_same, [*again, *again.values()], [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(_same, again, value))
    return True


class Listening(InProcessStudent):
    """The reference, with all that is asked of it."""

    def __init__(self, lesson: Lesson) -> None:
        def anew() -> dict[str, Any]:
            return dict(vars(lesson.reference))

        super().__init__(anew(), anew=anew)
        self.asked: list[bytes] = []

    def exchange(self, message: bytes, *, seconds: float = 0.0, call_back: CallBack | None = None) -> bytes:
        """Note the request, but for the time that is left."""
        parts = decode(message, adopt=_Named, resolve=_Named)
        self.asked.append(encode({name: part for name, part in parts.items() if name != "limit"}, keep=_number))
        return super().exchange(message, seconds=seconds, call_back=call_back)


@dataclass
class _Named:
    what: Reference | Fixture


def _number(value: object) -> Any:
    assert isinstance(value, _Named)
    return value.what if isinstance(value.what, Reference) else Reference(0, encode((value.what.name,)).hex())


def class_checks(lesson: Lesson) -> dict[str, bytes]:
    """The checks of a lesson as a class gets them, and what was recorded for them, by name.

    Raises:
        StorytellerError: the lesson has no reference, the reference fails one of its cases, or the class's copy asks
            or says something else than the checks do.
    """
    if lesson.reference is None:
        raise StorytellerError(f"{lesson.folder} has no reference.py: its checks can be recorded only beside it.")
    folder = lesson.folder / CHECKS
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    sealed = SealedChecks(sources)
    with tempfile.TemporaryDirectory() as place:
        full = _runs(lesson, Path(place), sealed.to_record(__name__), b"")
        for key, (run, _, _) in full.items():
            if run.failure is not None:
                raise StorytellerError(
                    f"{lesson.name}: the reference fails the case {key[1]!r} of {key[0]!r} ({run.failure}); nothing "
                    "was written."
                )
        visits = {key: recorder.visits for key, (_, recorder, _) in full.items()}
        recordable = _recordable(sealed, visits.values())
        whole: set[str] = set()
        while True:
            texts, used = sealed.sealed(recordable, whole=whole)
            wanted = pack_values({key: _values(row, used) for key, row in visits.items()})
            exercise, problem = _difference(full, _runs(lesson, Path(place), texts, wanted))
            if not problem:
                break
            if whole >= sources.keys():
                raise StorytellerError(f"{lesson.name}: {problem}; nothing was written.")
            whole |= sources.keys() if exercise in whole else {exercise}  # what was left out there did serve something
    return {**{f"{CHECKS}/{name}.py": text.encode() for name, text in texts.items()}, WANTED: wanted}


def _recordable(sealed: SealedChecks, visits: Collection[list[Visit]]) -> set[int]:
    found, spoilt = set[int](), set[int]()
    for row in visits:
        for visit in row:
            fits = visit.comparable if sealed.places[visit.place].is_compared else visit.plain
            (found if fits else spoilt).add(visit.place)
    return found - spoilt


def _values(visits: list[Visit], used: Collection[int]) -> Values:
    """The values of the places that are looked up; within them none other is."""
    values: dict[int, list[Any]] = {}
    for visit in visits:
        if visit.place in used and not any(one in used for one in visit.within):
            values.setdefault(visit.place, []).append(visit.value)
    return values


Runs = dict[Key, tuple[CaseRun, Recorder, list[bytes]]]


def _runs(lesson: Lesson, place: Path, texts: dict[str, str], wanted: bytes) -> Runs:
    """The reference in every case of these checks, with each public seed."""
    folder = Path(tempfile.mkdtemp(dir=place)) / lesson.name
    (folder / CHECKS).mkdir(parents=True)
    for name, text in texts.items():
        (folder / CHECKS / f"{name}.py").write_text(text, encoding="utf-8")
    shutil.copyfile(lesson.folder / REFERENCE, folder / REFERENCE)
    if wanted:
        (folder / WANTED).write_bytes(wanted)
    made = load_lesson(folder)
    found: Runs = {}
    for exercise in made.exercises.values():
        for case in exercise.cases if not exercise.questions else ():
            for seed in SEEDS:
                student, recorder = Listening(lesson), Recorder()
                _recorders.append(recorder)
                try:
                    run = run_case(exercise, case, student, seed, forbidden=())
                finally:
                    _recorders.pop()
                found[exercise.name, case.id, seed] = run, recorder, student.asked
    return found


def _difference(full: Runs, other: Runs) -> tuple[str, str]:
    """The exercise where the class's copy does something else, and what, in words; both empty where it does not."""
    for key, (_, _, asked) in full.items():
        run, _, asked_by_copy = other[key]
        if run.failure is not None or asked != asked_by_copy:
            what = f"finds a fault ({run.failure})" if run.failure is not None else "asks something else"
            return key[0], f"the class's copy of the case {key[1]!r} of {key[0]!r} {what} of the reference"
    return "", ""
