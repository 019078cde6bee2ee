"""An exercise: what a student's function must do, case by case, as data and small functions.

    count_pairs = Exercise("count_pairs", points=8, stars=1, hints=("Look at ...", "Loop over ...", "Write ..."))

    @count_pairs.case("counts a pair as often as its word was seen", points=4)
    def word_counts(student, draw):
        words = {(1, 2, 3): draw.randint(2, 9)}
        equal(student.count_pairs(words), slow_count(words), "the counts")

A case gets a `student`, whose functions it calls by name, and a `draw`, from which it takes its input. It compares
through `storyteller_course.exercises.assertions` with something independent that is obviously right.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from storyteller.errors import StorytellerError

CaseFunction = Callable[[Any, Any], None]  # (student, draw) -> None, raising when the student's code is wrong

# What `student.NAME` means something else by; no exercise may have these names.
RESERVED = frozenset({"new", "make", "gradients", "take", "fresh", "mutated"})


@dataclass(frozen=True, kw_only=True)
class Case:
    """One behaviour of an exercise."""

    id: str  # the name of the function
    title: str  # the behaviour in words, as the end of "your function ..."
    points: int  # 0: a guard; failing it loses the whole exercise
    run: CaseFunction


@dataclass(kw_only=True)
class Exercise:
    """A function or class that a student writes; the first argument is its name."""

    name: str = field(kw_only=False)
    points: int
    stars: int = 1  # difficulty, 1 to 3
    builds_on: tuple[str, ...] = ()  # exercises of the same lesson that it calls
    hints: tuple[str, ...] = ()  # three steps, each gives more away
    forbidden: tuple[str, ...] = ()  # what would be the answer itself: dotted names, and exercises for their stand-ins
    stand_in: str = ""  # dotted name of the library's function with this signature; without one the reference's answer
    in_library: str = (
        ""  # dotted name of the library's code for this, for the student to look up; the stand-in if empty
    )
    bug_hunt: bool = False  # the student is given code that mostly works
    bonus: bool = False  # extra credit
    limit: float = 5.0  # seconds a case may take
    cases: list[Case] = field(default_factory=list)

    def case(self, title: str, *, points: int) -> Callable[[CaseFunction], CaseFunction]:
        """Add the decorated function as a case; 0 points make it a guard."""

        def add(run: CaseFunction) -> CaseFunction:
            self.cases.append(Case(id=run.__name__, title=title, points=points, run=run))
            return run

        return add

    def verify(self) -> None:
        """Do the parts of this description agree?

        Raises:
            StorytellerError: they do not; the message names the exercise and what to mend.
        """
        total = sum(case.points for case in self.cases)
        ids = [case.id for case in self.cases]
        faults = [
            (not self.name.isidentifier() or self.name in RESERVED, f"{self.name!r} cannot be an exercise's name"),
            (not self.cases, "it has no case"),
            (total != self.points, f"its cases sum to {total} points, not to {self.points}"),
            (len(set(ids)) != len(ids), "two of its cases have the same function name"),
            (not 1 <= self.stars <= 3, f"stars are 1 to 3, not {self.stars}"),
            (self.name in self.builds_on, "it builds on itself"),
        ]
        for wrong, text in faults:
            if wrong:
                raise StorytellerError(f"Exercise {self.name}: {text}; mend checks/{self.name}.py.")
