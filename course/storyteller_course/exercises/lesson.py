"""A lesson as the checks see it: its folder, its exercises, and its answers where they are there.

checks/__init__.py   EXERCISES, the names of the exercises in the lesson's order
checks/NAME.py       one exercise; what several of them share stands in files beside it
answers/NAME.py      its known answers, `answers`; not in a class release
reference.py         the reference's answers; not in a class release
mistakes.zip         in a class release alone, and wanted.zip, stand_ins.zip and steps.json too

In a student's own folder reference.py and answers lie in `.course`, out of sight of who looks for the notebook.
"""

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
from storyteller_course.exercises.known_answers import (
    Given,
    KnownAnswer,
    Right,
    Wrong,
    namespace_of,
    reference_source,
    run_source,
)
from storyteller_course.exercises.recall import answer_source
from storyteller_course.exercises.scaffold import steps_in_words, unpack_steps
from storyteller_course.exercises.stand_ins import STAND_INS, PlainAnswers, load, unpack_answers

if TYPE_CHECKING:
    from storyteller_course.grading.known_mistakes import RecordedMistake

CHECKS, ANSWERS, REFERENCE = "checks", "answers", "reference.py"  # of a lesson's folder
HIDDEN = ".course"  # of a lesson in a student's folder: what holds its reference and its answers
MISTAKES = "mistakes.zip"  # in a class release: what the known wrong answers give, see `grading/known_mistakes.py`
WANTED = "wanted.zip"  # in a class release: what its checks compare with, see `recorded.py`
STAND_INS_FILE = "stand_ins.zip"  # in a class release: what takes an exercise's place, see `stand_ins.py`
STEPS_FILE = "steps.json"  # in a class release: the steps that no cell tells, see `scaffold.py`


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What `checks`, and where present `reference.py` and `answers` or `mistakes.zip`, of a folder say."""

    name: str  # "01_data_preparation"
    folder: Path
    digest: str  # of its files, so that a check's result can be kept until they change
    exercises: dict[str, Exercise]  # in the lesson's order
    answers: list[KnownAnswer] = field(default_factory=list)  # empty in a class release
    reference: types.ModuleType | None = None  # None in a class release
    plain: PlainAnswers = field(default_factory=PlainAnswers)  # what stands in where the library has no such function
    steps: dict[str, list[str]] = field(default_factory=dict)  # of the exercises whose cells do not tell them

    @property
    def notebook(self) -> Path:
        """The student's notebook."""
        return self.folder / f"{self.name}.ipynb"

    def mistakes(self, exercise: str) -> list[Wrong]:
        """The known wrong answers, first the given code of a bug hunt; in a class release without their code."""
        if self.reference is None:
            return [recorded.wrong for recorded in self.recorded_mistakes(exercise)]
        given = self.given_code(exercise)
        wrong = [answer for answer in self.answers if isinstance(answer, Wrong) and answer.exercise == exercise]
        return [*([given.as_mistake()] if given else []), *wrong]

    def recorded_mistakes(self, exercise: str) -> "list[RecordedMistake]":
        """What a class release knows of the wrong answers; none where it has no `mistakes.zip`."""
        # It loads torch, which a list of exercises does not need.
        from storyteller_course.grading.known_mistakes import unpack_mistakes

        path = self.folder / MISTAKES
        return unpack_mistakes(path, exercise) if path.is_file() else []

    def alternatives(self, exercise: str) -> list[Right]:
        """Right answers of an exercise in other styles than the reference's."""
        return [answer for answer in self.answers if isinstance(answer, Right) and answer.exercise == exercise]

    def given_code(self, exercise: str) -> Given | None:
        """What the student of a bug hunt starts from."""
        found = [answer for answer in self.answers if isinstance(answer, Given) and answer.exercise == exercise]
        return found[0] if found else None

    def namespace(self, answer: KnownAnswer) -> dict[str, Any]:
        """A namespace with this answer in the place of the reference's."""
        if self.reference is None:
            raise StorytellerError(f"{self.folder} has no reference.py, which its answers build on.")
        return namespace_of(answer, self.reference)

    def stand_in(self, exercise: str) -> Callable[..., Any] | None:
        """What takes the place of an exercise's function while it is not solved, None where there is nothing."""
        if exercise not in self.library and exercise not in self.plain.pieces:
            return None
        found: Callable[..., Any] = getattr(load(self.stand_ins_module, self.plain, self.library), exercise)
        return found

    @property
    def library(self) -> dict[str, str]:
        """The dotted names of the library's functions that stand in, by exercise."""
        return {name: exercise.stand_in for name, exercise in self.exercises.items() if exercise.stand_in}

    @property
    def stand_ins_module(self) -> str:
        """The name of the module of this lesson's stand-ins, another one when they change."""
        return _stand_ins_module(self.name, self.plain)

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


def is_lesson(folder: Path) -> bool:
    """Is this a lesson's folder?"""
    return (folder / CHECKS / "__init__.py").is_file()


def load_lesson(folder: Path | str) -> Lesson:
    """Read a lesson's folder. Read again only after one of its files has changed.

    Raises:
        StorytellerError: there are no checks, or what they describe does not fit together.
    """
    folder = Path(folder).resolve()
    if not is_lesson(folder):
        raise StorytellerError(f"{folder} is no lesson's folder: it has no checks/__init__.py.")
    contents = [part for path in _files(folder) for part in (path.name.encode(), path.read_bytes())]
    digest = hashlib.sha256(b"\0".join(contents)).hexdigest()
    known = _loaded.get(folder)
    if known and known[0] == digest:
        return known[1]
    private = f"_storyteller_lesson_{digest[:12]}"
    exercises = _exercises(folder, private)
    if (folder / WANTED).is_file():
        for exercise in exercises.values():
            exercise.wanted = folder / WANTED
    reference = _home_of_answers(folder) / REFERENCE
    plain = _plain_answers(folder, exercises)
    module = _stand_ins_module(folder.name, plain)
    stand_ins = {name: exercise.stand_in or f"{module}.{name}" for name, exercise in exercises.items()}
    for name, exercise in exercises.items():  # what stands in for it is no answer
        named = [stand_ins.get(one, one) for one in (*exercise.forbidden, name)]
        exercise.forbidden = tuple(dict.fromkeys([*named, f"{module}.{name}"]))
    answers = _load(reference, f"{private}_reference") if reference.is_file() else None
    steps = _steps(folder, exercises, answers)
    for name, told in steps.items():
        exercises[name].steps = tuple(told)
    lesson = Lesson(
        name=folder.name,
        folder=folder,
        digest=digest,
        exercises=exercises,
        answers=_answers(folder, private, exercises),
        reference=answers,
        plain=plain,
        steps=steps,
    )
    _verify(lesson)
    _loaded[folder] = digest, lesson
    return lesson


def _files(folder: Path) -> Iterator[Path]:
    home = _home_of_answers(folder)
    yield from sorted((folder / CHECKS).glob("*.py"))
    yield from sorted((home / ANSWERS).glob("*.py"))
    alone = [folder / name for name in (MISTAKES, WANTED, STAND_INS_FILE, STEPS_FILE)]
    yield from (path for path in (home / REFERENCE, *alone) if path.is_file())


def _home_of_answers(folder: Path) -> Path:
    """Where the reference and the known answers of a lesson are."""
    return folder / HIDDEN if (folder / HIDDEN).is_dir() else folder


def _load(path: Path, private: str) -> types.ModuleType:
    """Import a file of the lesson under a private name, so that it shadows nothing and nothing shadows it."""
    spec = importlib.util.spec_from_file_location(private, path)
    if spec is None or spec.loader is None:
        raise StorytellerError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module  # dataclasses and inspect.getsource look there
    spec.loader.exec_module(module)
    return module


def _load_folder(folder: Path, private: str) -> dict[str, types.ModuleType]:
    """Import all files of a folder, by name, as the modules of a private package; they import each other relatively."""
    start = folder / "__init__.py"
    package = _load(start, private) if start.is_file() else types.ModuleType(private)
    package.__path__ = [str(folder)]
    sys.modules[private] = package
    importlib.invalidate_caches()  # a file may have been written a moment ago
    names = [path.stem for path in sorted(folder.glob("*.py")) if path != start]
    return {name: importlib.import_module(f"{private}.{name}") for name in names} | {"__init__": package}


def _exercises(folder: Path, private: str) -> dict[str, Exercise]:
    """The exercises of a lesson, in the order in which `checks/__init__.py` lists them."""
    modules = _load_folder(folder / CHECKS, f"{private}_checks")
    start = folder / CHECKS / "__init__.py"
    listed = list(getattr(modules.pop("__init__"), "EXERCISES", ()))
    described: dict[str, Exercise] = {}
    for file, module in modules.items():
        for exercise in {id(value): value for value in vars(module).values() if isinstance(value, Exercise)}.values():
            if exercise.name != file:
                raise StorytellerError(
                    f"{folder / CHECKS / file}.py describes the exercise {exercise.name!r}; an exercise has a file of "
                    "its own name."
                )
            described[file] = exercise
    for name in listed:
        if name not in described:
            raise StorytellerError(f"{start} lists {name!r}, and {name}.py beside it describes no such exercise.")
        if listed.count(name) > 1:
            raise StorytellerError(f"{start} lists {name!r} twice.")
    for name in described:
        if name not in listed:
            raise StorytellerError(f"{folder / CHECKS / name}.py is not listed in the EXERCISES of {start}.")
    return {name: described[name] for name in listed}


def _steps(folder: Path, exercises: dict[str, Exercise], reference: types.ModuleType | None) -> dict[str, list[str]]:
    """The steps of the exercises whose cells do not tell them; the reference also gets its answers to a recall."""
    for name, exercise in exercises.items():
        if exercise.questions and reference is not None:
            run_source(answer_source(exercise.questions, solved=True), vars(reference), f"<{name}>")
    wanted = [name for name, exercise in exercises.items() if exercise.scaffold != "steps"]
    if reference is not None:
        return {name: steps_in_words(reference_source(reference, name)) for name in wanted if hasattr(reference, name)}
    told = unpack_steps(folder / STEPS_FILE) if (folder / STEPS_FILE).is_file() else {}
    return {name: told[name] for name in wanted if name in told}


def _plain_answers(folder: Path, exercises: dict[str, Exercise]) -> PlainAnswers:
    """The reference's answers, or those that a class release has, without what comes from the library."""
    if (reference := _home_of_answers(folder) / REFERENCE).is_file():
        plain = PlainAnswers.read(reference.read_text(encoding="utf-8"))
    elif (folder / STAND_INS_FILE).is_file():
        plain = unpack_answers(folder / STAND_INS_FILE)
    else:
        return PlainAnswers()
    return plain.without(name for name, exercise in exercises.items() if exercise.stand_in)


def _stand_ins_module(lesson: str, plain: PlainAnswers) -> str:
    return f"{STAND_INS}.{lesson.partition('_')[2]}_{plain.digest[:8]}"


def _answers(folder: Path, private: str, exercises: dict[str, Exercise]) -> list[KnownAnswer]:
    """The known answers of all exercises, in the exercises' order; none in a class release."""
    home = _home_of_answers(folder) / ANSWERS
    if not home.is_dir():
        return []
    modules = _load_folder(home, f"{private}_answers")
    known: dict[str, list[KnownAnswer]] = {name: getattr(module, "answers", []) for name, module in modules.items()}
    for name, answers in known.items():
        for answer in answers:
            path = home / f"{name}.py"
            if name not in exercises:
                raise StorytellerError(f"{path} answers {name!r}, which {folder / CHECKS} does not have.")
            if answer.exercise != name:
                raise StorytellerError(f"{path} answers {answer.exercise!r}; an exercise's answers have its own file.")
    return [answer for name in exercises for answer in known.get(name, [])]


def _verify(lesson: Lesson) -> None:
    earlier: set[str] = set()
    for exercise in lesson.exercises.values():
        exercise.verify()
        for name in exercise.builds_on:
            if name not in earlier:  # so that there is no circle
                raise StorytellerError(
                    f"Exercise {exercise.name} builds on {name!r}, which does not come before it in "
                    f"{lesson.folder / CHECKS / '__init__.py'}."
                )
        earlier.add(exercise.name)
