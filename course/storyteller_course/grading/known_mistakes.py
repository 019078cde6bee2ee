"""The known wrong answers of an exercise, as the diagnosis asks them: each is run on the case of the student's code."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from storyteller_course.exercises.exercise import Case
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.diagnose import KnownMistake
from storyteller_course.grading.grade import run_case
from storyteller_course.grading.result import CaseRun
from storyteller_course.runner.in_process import InProcessStudent


@dataclass(frozen=True, eq=False)
class Mistake:
    """A known wrong answer that can be run."""

    wrong: Wrong
    lesson: Lesson
    runs: dict[tuple[Case, str], CaseRun] = field(default_factory=dict)  # by the case and its seed

    @cached_property
    def transport(self) -> InProcessStudent:
        """Its code, beside the reference's functions."""
        return InProcessStudent(self.lesson.namespace(self.wrong), anew=lambda: self.lesson.namespace(self.wrong))

    def run(self, like: CaseRun, *, limit: float) -> CaseRun:
        """The result of this wrong answer in the case of another run, with that run's seed.

        It is the same for every student, and a class has few seeds, so it is kept, unless it was cut off at the limit.
        """
        key = like.case, like.seed
        if key not in self.runs:
            run = run_case(like.exercise, like.case, self.transport, like.seed, limit=limit, forbidden=())
            if run.is_endless:
                return run
            if run.failure is not None:
                run.failure.__traceback__ = None  # or its frames, with all that is in them, would be kept as well
            self.runs[key] = run
        return self.runs[key]


@lru_cache(maxsize=128)  # exercises
def known_mistakes(lesson: Lesson, exercise: str) -> tuple[KnownMistake, ...]:
    """The known wrong answers of an exercise, to be run; in a class release, as they were recorded."""
    if lesson.reference is None:
        return tuple(lesson.recorded_mistakes(exercise))
    return tuple(Mistake(wrong, lesson) for wrong in lesson.mistakes(exercise))
