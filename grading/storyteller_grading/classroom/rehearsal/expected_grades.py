"""What an answer must earn, found out without the judge: the lesson's own code, in this process, with the same seeds.

A rehearsal plants answers whose points are known. They come from here, never from the judge, so that a judge or a
gradebook that is wrong cannot agree with itself. Only known answers and the reference's are run here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from storyteller.errors import StorytellerError
from storyteller_course.exercises.inputs import PUBLIC
from storyteller_course.exercises.known_answers import Right, Wrong, reference_source, run_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.diagnose import known_mistakes
from storyteller_course.grading.grade import grade
from storyteller_course.grading.result import CaseResult
from storyteller_course.runner.in_process import LocalStudent
from storyteller_course.runner.server import Namespace
from storyteller_grading.classroom.rehearsal.mishaps import EVERYTHING, EVERYTHING_CODE, SLOWLY
from storyteller_grading.judge.released_notebook import read_release

REFERENCE, STUB, SLOW = "reference", "stub", "slow"  # answers that every exercise has; the slow one is right


@dataclass(frozen=True)
class Expected:
    """What must come of an answer to one exercise."""

    earned: int
    solved: bool
    mistake: str  # the known mistake that is recognised; empty where none is
    endless: bool = False  # a case ran into its limit, which costs the judge its time too


NOTHING = Expected(0, False, "")


@dataclass(frozen=True)
class Answers:
    """The known answers to a lesson's exercises, by name, and what each earns.

    Args:
        lesson: with its reference and answers.
        seeds: of the hidden inputs, as the judge draws them.
    """

    lesson: Lesson
    seeds: tuple[str, ...]
    found: dict[tuple[str, ...], Expected] = field(default_factory=dict)

    @cached_property
    def stubs(self) -> dict[str, str]:
        """What each exercise's student starts from."""
        cells = read_release(self.lesson.notebook).cells
        return {cell.exercise: cell.source for cell in cells if cell.role == "answer"}

    def source(self, exercise: str, name: str) -> str:
        """The text of an answer: a known one of the lesson, or one that every exercise has."""
        if self.lesson.reference is None:
            raise StorytellerError(f"{self.lesson.folder} has no reference.py, from which a class could be made.")
        reference = reference_source(self.lesson.reference, exercise)
        always = {
            REFERENCE: reference,
            STUB: self.stubs[exercise],
            SLOW: reference + SLOWLY.format(name=exercise),
            EVERYTHING: EVERYTHING_CODE.format(name=exercise),
        }
        if name in always:
            return always[name]
        known: list[Wrong | Right] = [*self.lesson.mistakes(exercise), *self.lesson.alternatives(exercise)]
        [answer] = [one for one in known if one.name == name]
        return answer.source(reference)

    def expected(self, exercise: str, chosen: Mapping[str, str]) -> Expected:
        """What an exercise earns beside the answers that were chosen for the others.

        Of those only the ones matter that it builds on and that the course has no part for: see `judge.plan`.
        """
        needed = [one for one in self.lesson.foundations(exercise) if self.lesson.stand_in(one) is None]
        name = REFERENCE if chosen[exercise] == SLOW else chosen[exercise]  # but for its pause it is the reference
        key = exercise, name, *(chosen.get(one, REFERENCE) for one in needed)
        if key not in self.found:
            around = {one: self.source(one, chosen.get(one, REFERENCE)) for one in needed}
            self.found[key] = self.run(exercise, self.source(exercise, name), around)
        return self.found[key]

    def run(self, exercise: str, source: str, around: Mapping[str, str] | None = None) -> Expected:
        """What any code earns: every case with the public input, and those that pass with the hidden ones.

        Args:
            exercise: its name.
            source: the code.
            around: the code of other exercises, where it is not the reference's.
        """
        code = Right(exercise, "planted", code=source)
        one, known = self.lesson.exercises[exercise], known_mistakes(self.lesson, exercise)

        def namespace() -> Namespace:
            found = self.lesson.namespace(code)
            for name, text in (around or {}).items():
                run_source(text, found, f"<planted {name}>")
            return found

        public = grade(one, LocalStudent(namespace(), anew=namespace), seeds=(PUBLIC,), mistakes=known)
        passed = {case.id for case in public.cases if case.passed}
        mistake, cases = public.mistake, list(public.cases)
        if self.seeds and public.earned:
            student = LocalStudent(namespace(), anew=namespace)
            hidden = grade(one, student, seeds=self.seeds, mistakes=known, only=passed)
            passed = {case.id for case in hidden.cases if case.passed}
            mistake, cases = mistake or _first(hidden.cases), [*cases, *hidden.cases]
        guards = all(case.id in passed for case in one.cases if case.points == 0)
        earned = sum(case.points for case in one.cases if case.id in passed) if guards else 0
        endless = any(case.kind == "timeout" for case in cases)
        return Expected(earned, len(passed) == len(one.cases), mistake, endless)


def _first(cases: Sequence[CaseResult]) -> str:
    return next((case.mistake for case in cases if case.mistake), "")
