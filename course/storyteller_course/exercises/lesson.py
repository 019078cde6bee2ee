"""A lesson as the checks see it: its folder, its exercises, and its answers where they are there."""

import hashlib
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyteller.errors import StorytellerError
from storyteller_course.exercises.exercise import Exercise
from storyteller_course.exercises.known_answers import Answer, Given, Right, Wrong, namespace_of

if TYPE_CHECKING:
    from storyteller_course.grading.recorded_mistakes import RecordedMistake

MISTAKES = "mistakes.zip"  # in a class release: what the known wrong answers give, see `recorded.py`
PARTS = "storyteller_course.parts"


def parts_module(lesson: str) -> str:
    """The name of the module with the course's own functions for a lesson; it need not exist.

    >>> parts_module("01_data_preparation")
    'storyteller_course.parts.data_preparation'
    """
    return f"{PARTS}.{lesson.partition('_')[2]}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What `checks.py`, and where present `reference.py` and `answers.py` or `mistakes.zip`, of a folder say."""

    name: str  # "01_data_preparation"
    folder: Path
    digest: str  # of its files, so that a check's result can be kept until they change
    exercises: dict[str, Exercise]  # in the order of checks.py
    answers: list[Answer] = field(default_factory=list)  # empty in a class release
    reference: types.ModuleType | None = None  # None in a class release

    @property
    def notebook(self) -> Path:
        """The student's notebook."""
        return self.folder / f"{self.name}.ipynb"

    def mistakes(self, exercise: str) -> list[Wrong]:
        """The known wrong answers of an exercise; in a class release without their code."""
        if self.reference is None:
            return [recorded.wrong for recorded in self.recorded_mistakes(exercise)]
        return [answer for answer in self.answers if isinstance(answer, Wrong) and answer.exercise == exercise]

    def recorded_mistakes(self, exercise: str) -> "list[RecordedMistake]":
        """What a class release knows of the wrong answers; none where it has no `mistakes.zip`."""
        from storyteller_course.grading.recorded_mistakes import (
            unpack,  # loads torch, which a list of exercises does not need
        )

        path = self.folder / MISTAKES
        return unpack(path, exercise) if path.is_file() else []

    def alternatives(self, exercise: str) -> list[Right]:
        """Right answers of an exercise in other styles than the reference's."""
        return [answer for answer in self.answers if isinstance(answer, Right) and answer.exercise == exercise]

    def given_code(self, exercise: str) -> Given | None:
        """What the student of a bug hunt starts from."""
        found = [answer for answer in self.answers if isinstance(answer, Given) and answer.exercise == exercise]
        return found[0] if found else None

    def namespace(self, answer: Answer) -> dict[str, Any]:
        """A namespace with this answer in the place of the reference's."""
        if self.reference is None:
            raise StorytellerError(f"{self.folder} has no reference.py, which its answers build on.")
        return namespace_of(answer, self.reference)

    def part(self, exercise: str) -> Callable[..., Any] | None:
        """The course's own form of an exercise's function, None where there is none."""
        name = parts_module(self.name)
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in (name, PARTS):
                raise
            return None
        found: Callable[..., Any] | None = getattr(module, exercise, None)
        return found

    def foundations(self, exercise: str) -> list[str]:
        """The exercises that this one builds on, directly or not, first things first."""
        order: list[str] = []

        def visit(name: str) -> None:
            for earlier in self.exercises[name].builds_on:
                visit(earlier)
                if earlier not in order:
                    order.append(earlier)

        visit(exercise)
        return order


_loaded: dict[Path, tuple[str, Lesson]] = {}


def load_lesson(folder: Path | str) -> Lesson:
    """Read a lesson's folder. Read again only after one of its files has changed.

    Raises:
        StorytellerError: there is no checks.py, or what it describes does not fit together.
    """
    folder = Path(folder).resolve()
    if not (folder / "checks.py").is_file():
        raise StorytellerError(f"{folder} is no lesson's folder: it has no checks.py.")
    contents = [path.read_bytes() for path in _files(folder)]
    digest = hashlib.sha256(b"\0".join(contents)).hexdigest()
    known = _loaded.get(folder)
    if known and known[0] == digest:
        return known[1]
    checks, reference, answers = (_load(folder, name, digest) for name in ("checks", "reference", "answers"))
    lesson = Lesson(
        name=folder.name,
        folder=folder,
        digest=digest,
        exercises=_exercises(checks, folder),
        answers=list(getattr(answers, "answers", [])),
        reference=reference,
    )
    _verify(lesson)
    _loaded[folder] = digest, lesson
    return lesson


def _files(folder: Path) -> Iterator[Path]:
    names = "checks.py", "reference.py", "answers.py", MISTAKES
    return (path for name in names if (path := folder / name).is_file())


def _load(folder: Path, name: str, digest: str) -> types.ModuleType | None:
    """Import a file of the lesson under a private name, so that it shadows nothing and nothing shadows it."""
    path = folder / f"{name}.py"
    if not path.is_file():
        return None
    private = f"_storyteller_lesson_{digest[:12]}_{name}"
    spec = importlib.util.spec_from_file_location(private, path)
    if spec is None or spec.loader is None:
        raise StorytellerError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module  # dataclasses and inspect.getsource look there
    spec.loader.exec_module(module)
    return module


def _exercises(checks: types.ModuleType | None, folder: Path) -> dict[str, Exercise]:
    found = [value for value in vars(checks).values() if isinstance(value, Exercise)]
    exercises = {exercise.name: exercise for exercise in found}
    for exercise in exercises.values():  # the course's own form of it is no answer
        part = f"{parts_module(folder.name)}.{exercise.name}"
        exercise.forbidden = tuple(dict.fromkeys([*exercise.forbidden, part]))
    if len(exercises) != len({id(exercise) for exercise in found}):
        raise StorytellerError(f"{folder / 'checks.py'} describes two exercises with one name; rename one.")
    return exercises


def _verify(lesson: Lesson) -> None:
    earlier: set[str] = set()
    for exercise in lesson.exercises.values():
        exercise.verify()
        for name in exercise.builds_on:
            if name not in earlier:  # so that there is no circle
                raise StorytellerError(
                    f"Exercise {exercise.name} builds on {name!r}, which does not come before it in "
                    f"{lesson.folder / 'checks.py'}."
                )
        earlier.add(exercise.name)
    for answer in lesson.answers:
        if answer.exercise not in lesson.exercises:
            raise StorytellerError(
                f"{lesson.folder / 'answers.py'} answers {answer.exercise!r}, which checks.py does not have."
            )
