"""The known wrong answers of an exercise where many answers are compared with them on the same inputs."""

from dataclasses import dataclass, field

from storyteller_course.exercises.exercise import Case
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.diagnosis import KnownMistake
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.grading.result import CaseRun


@dataclass(frozen=True, eq=False)
class Kept:
    """A known wrong answer that runs once in a case with a seed; what it gave there is kept.

    The library keeps that for public seeds alone: hidden ones are of one hand-in.
    """

    mistake: KnownMistake
    runs: dict[tuple[Case, str], CaseRun] = field(default_factory=dict)

    @property
    def wrong(self) -> Wrong:
        """Its name and explanation."""
        return self.mistake.wrong

    def run(self, like: CaseRun, *, limit: float) -> CaseRun | None:
        """Its result in the case of another run, with that run's seed; what was cut off at the limit is not kept."""
        key = like.case, like.seed
        if key not in self.runs:
            run = self.mistake.run(like, limit=limit)
            if run is None or run.is_endless:
                return run
            if run.failure is not None:
                run.failure.__traceback__ = None  # or its frames, with all that is in them, would be kept as well
            self.runs[key] = run
        return self.runs[key]


def kept_mistakes(lesson: Lesson, exercise: str) -> list[Kept]:
    """All known wrong answers of an exercise."""
    return [Kept(mistake) for mistake in known_mistakes(lesson, exercise)]
