"""The results of a check, as data: the notebook's card and the judge's report are made from them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from storyteller_course.exercises.assertions import Mismatch
from storyteller_course.exercises.equality import Rules
from storyteller_course.exercises.exercise import Case, Exercise
from storyteller_course.runner.student_errors import StudentError

if TYPE_CHECKING:
    from storyteller_course.runner.protocol import Outcome


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
    mutated: tuple[str, ...] = ()  # arguments that the code changed in place
    printed: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    seed_index: int = 0  # 0 is the first seed given, the public one


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

    @property
    def unfinished(self) -> bool:
        """Is there no answer yet: not defined, or the untouched stub?"""
        return all(case.kind in ("missing", "unfinished") for case in self.cases)
