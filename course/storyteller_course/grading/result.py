"""The results of a check, as data: the notebook's card and the judge's report are made from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from storyteller_course.exercises.equality import Rules
from storyteller_course.exercises.exercise import Case, Exercise, Mismatch
from storyteller_course.runner.student_errors import StudentError

if TYPE_CHECKING:
    from storyteller_course.runner.protocol import Outcome


def words(message: str) -> str:
    """A message without its numbers, which rounding may change."""
    return re.sub(r"[\d.e+-]+", "", message)


@dataclass(frozen=True, kw_only=True, eq=False)
class CaseRun:
    """One case, run once with one seed."""

    exercise: Exercise
    case: Case
    seed: str
    seed_index: int
    outcomes: "list[Outcome]"  # of the calls, in their order
    failure: Mismatch | StudentError | None  # None: passed
    seconds: float

    @property
    def changed(self) -> tuple[str, ...]:
        """The arguments that were changed in place in any of the calls, without those that may be."""
        names = dict.fromkeys(name for outcome in self.outcomes for name in outcome.mutated)
        return tuple(name for name in names if name not in self.exercise.may_change)

    @property
    def trivial(self) -> bool:
        """Did its code give back nothing but arguments, zeros and the like? (What is learned of objects counts too.)"""
        return all(outcome.trivial for outcome in self.outcomes)

    @property
    def is_endless(self) -> bool:
        """Did a call run into its time limit?"""
        return any(outcome.error is not None and outcome.error.kind == "timeout" for outcome in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The result of a case, with all its seeds."""

    id: str
    title: str
    points: int
    earned: int
    passed: bool
    kind: str = ""  # "mismatch", or the kind of the StudentError; empty when passed
    message: str = ""  # what is wrong
    explanation: str = ""  # of the known mistake that was recognised
    mistake: str = ""  # its name
    got: Any = None
    wanted: Any = None
    compared: bool = False  # got and wanted were compared with each other
    where: str = ""  # the first place where they differ
    pair: tuple[Any, Any] | None = None  # the two tensors, texts or rows that show it best
    rules: Rules = field(default_factory=Rules)
    line: int = 0  # where in the answer's cell an exception was raised
    code: str = ""  # that line
    rounding: bool = False  # the two numbers agree in so many digits that only rounding has parted them
    mutated: tuple[str, ...] = ()  # arguments that the code changed in place
    charged: bool = False  # it is for them that the case fails
    printed: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    seed_index: int = 0  # 0 is the first seed given, the public one
    trivial: bool = False  # all that the code gave back in it were arguments, zeros and the like


def points_of(cases: Sequence[CaseResult]) -> int:
    """The points that an exercise earns with these results of its cases.

    None where a guard fails. None either where something fails and what passes, passes for an answer that does nothing
    too: an edge case of which the right result is empty, say.
    """
    if not all(case.passed for case in cases if case.points == 0):
        return 0
    earning = [case for case in cases if case.earned]
    if all(case.trivial for case in earning) and not all(case.passed for case in cases):
        return 0
    return sum(case.earned for case in earning)


@dataclass(frozen=True, kw_only=True)
class ExerciseResult:
    """The result of an exercise."""

    name: str
    points: int
    earned: int
    solved: bool  # every case passed
    cases: list[CaseResult]
    mistake: str = ""  # the known mistake that explains most
    replaced: tuple[str, ...] = ()  # exercises that the course's own functions stood in for
    no_diagnosis: str = ""  # why no known mistake could be looked for: a fault of ours, which costs no points

    @property
    def unfinished(self) -> bool:
        """Is there no answer yet: not defined, or the untouched stub?"""
        return all(case.kind in ("missing", "unfinished") for case in self.cases)
