"""What an answer must earn, found out without the judge: the lesson's own code, in this process, with the same seeds.

A rehearsal plants answers whose points are known. They come from here, never from the judge, so that a judge or a
gradebook that is wrong cannot agree with itself. Only known answers and the reference's are run here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from storyteller.errors import StorytellerError
from storyteller_course.exercises.exercise import PUBLIC
from storyteller_course.exercises.known_answers import Right, Wrong, reference_source, run_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.grading.result import points_of
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.server import Namespace
from storyteller_grading.classroom.rehearsal.copied_solutions import COPIES
from storyteller_grading.classroom.rehearsal.mishaps import EVERYTHING, EVERYTHING_CODE, SLOWLY
from storyteller_grading.judge.notebooks import read_release

REFERENCE, STUB, SLOW = "reference", "stub", "slow"  # answers that every exercise has; the slow one is right


@dataclass(frozen=True)
class ExpectedGrade:
    """What an answer to one exercise must earn."""

    earned: int
    solved: bool
    mistake: str  # the known mistake that is recognised; empty where none is
    endless: bool = False  # a case ran into its limit, which costs the judge its time too


NOTHING = ExpectedGrade(0, False, "")


@dataclass(frozen=True)
class KnownAnswers:
    """The known answers to a lesson's exercises, by name, and what each earns.

    Args:
        lesson: with its reference and answers.
    """

    lesson: Lesson
    grades: dict[tuple[tuple[str, ...], ...], ExpectedGrade] = field(
        default_factory=dict
    )  # those that are known already

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
        if name in COPIES:
            return COPIES[name](reference)
        known: list[Wrong | Right] = [*self.lesson.mistakes(exercise), *self.lesson.alternatives(exercise)]
        [answer] = [candidate for candidate in known if candidate.name == name]
        return answer.source(reference)

    def expected(self, exercise: str, chosen: Mapping[str, str], seeds: tuple[str, ...] = ()) -> ExpectedGrade:
        """What an exercise earns beside the answers that were chosen for the others.

        Of those only the ones matter that it builds on and that the course has no part for: see `judge.cell_matching`.

        Args:
            exercise: its name.
            chosen: the names of the answers, by exercise.
            seeds: of the hidden inputs, as the judge draws them for the notebook that has these answers.
        """
        needed = [name for name in self.lesson.foundations(exercise) if self.lesson.stand_in(name) is None]
        name = REFERENCE if chosen[exercise] == SLOW else chosen[exercise]  # but for its pause it is the reference
        key = seeds, (exercise, name, *(chosen.get(other, REFERENCE) for other in needed))
        if key not in self.grades:
            around = {other: self.source(other, chosen.get(other, REFERENCE)) for other in needed}
            self.grades[key] = self.run(exercise, self.source(exercise, name), around, seeds=seeds)
        return self.grades[key]

    def run(
        self,
        exercise: str,
        source: str,
        around: Mapping[str, str] | None = None,
        *,
        seeds: tuple[str, ...] = (),
    ) -> ExpectedGrade:
        """What any code earns: every case with the public input, and those that pass with the hidden ones.

        Args:
            exercise: its name.
            source: the code.
            around: the code of other exercises, where it is not the reference's.
            seeds: of the hidden inputs.
        """
        code = Right(exercise, "planted", code=source)
        description, known = self.lesson.exercises[exercise], known_mistakes(self.lesson, exercise)

        def namespace() -> Namespace:
            names = self.lesson.namespace(code)
            for name, text in (around or {}).items():
                run_source(text, names, f"<planted {name}>")
            return names

        public = grade(description, InProcessStudent(namespace(), anew=namespace), seeds=(PUBLIC,), mistakes=known)
        passed = {case.id for case in public.cases if case.passed}
        mistake, cases = public.mistake, list(public.cases)
        if seeds and public.earned:
            student = InProcessStudent(namespace(), anew=namespace)
            charged = any(case.charged for case in public.cases)
            hidden = grade(description, student, seeds=seeds, mistakes=known, only=passed, charged=charged)
            passed = {case.id for case in hidden.cases if case.passed}
            mistake = mistake or next((case.mistake for case in hidden.cases if case.mistake), "")
            cases += hidden.cases
        earned = points_of(
            [case if case.id in passed else replace(case, passed=False, earned=0) for case in public.cases]
        )
        endless = any(case.kind == "timeout" for case in cases)
        return ExpectedGrade(earned, len(passed) == len(description.cases), mistake, endless)
