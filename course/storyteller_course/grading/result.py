"""What came of a check, as data: the notebook's card and the judge's report are made from it."""

from dataclasses import dataclass, field
from typing import Any

from storyteller_course.exercises.equality import Rules


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What came of one case."""

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
    """What came of an exercise."""

    name: str
    points: int
    earned: int
    solved: bool  # every case passed
    cases: list[CaseResult]
    mistake: str = ""  # the known mistake that explains most
    replaced: tuple[str, ...] = ()  # exercises that the course's own parts stood in for

    @property
    def unfinished(self) -> bool:
        """Is there no answer yet: not defined, or the untouched stub?"""
        return all(case.kind in ("missing", "unfinished") for case in self.cases)
