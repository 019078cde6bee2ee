"""What a class's points say: about the lesson's exercises, and about who needs help where.

Difficulty and discrimination are those of classical test theory: the mean share of an exercise's points, and the
correlation of an exercise's points with all the others' (item-rest correlation; Nunnally and Bernstein, "Psychometric
Theory", 1994, section 8).
"""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from storyteller_grading.classroom.autograde.records import Record

STUCK = 0.5  # of an exercise's points; who has less is stuck there


@dataclass(frozen=True)
class Mistake:
    """A known mistake, and how many made it."""

    name: str
    explanation: str
    count: int


@dataclass(frozen=True)
class Item:
    """One exercise, in the whole class."""

    name: str
    points: int
    bonus: bool
    difficulty: float  # mean share of the points: 1 is easy for all
    discrimination: float | None  # None where nothing varies
    solved: int
    untouched: int  # who has not written anything
    mistakes: tuple[Mistake, ...] = ()  # the commonest first
    unexplained: int = 0  # tried, not solved, and no known mistake was recognised


@dataclass(frozen=True)
class Lesson:
    """One lesson, in the whole class."""

    name: str
    points: int
    totals: dict[str, int]  # by student, extra credit not counted
    shares: dict[str, dict[str, float]]  # by student and exercise, the share of its points
    items: tuple[Item, ...]
    mistakes: dict[str, dict[str, str]] = field(default_factory=dict)  # by student and exercise, the one recognised
    statuses: dict[str, str] = field(default_factory=dict)  # by student
    failures: dict[str, str] = field(default_factory=dict)  # what the grader or the reader said
    repairs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Of the totals."""
        return statistics.fmean(self.totals.values()) if self.totals else 0.0

    @property
    def median(self) -> float:
        """Of the totals."""
        return quantile(list(self.totals.values()), 0.5)

    @property
    def deviation(self) -> float:
        """The standard deviation of the totals, of this class and not of a larger one."""
        return statistics.pstdev(self.totals.values()) if self.totals else 0.0

    @property
    def stuck(self) -> dict[str, str]:
        """By student, the first exercise that counts and that is not half done."""
        names = [item.name for item in self.items if not item.bonus]
        found = {
            student: next((name for name in names if shares.get(name, 0.0) < STUCK), "")
            for student, shares in self.shares.items()
        }
        return {student: name for student, name in found.items() if name}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies, between neighbours in proportion.

    >>> quantile([1, 2, 3, 10], 0.5)
    2.5
    """
    return float(np.quantile(values, share)) if values else 0.0


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Pearson's correlation; None where one of the two does not vary.

    >>> correlation([1, 2, 3], [2, 4, 6])
    1.0
    """
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return statistics.correlation(one, other)


def lesson_statistics(name: str, records: Sequence[Record]) -> Lesson:
    """What the records of a lesson say. Whose notebook could not be read has no points; whom the grader failed is out.

    Args:
        name: the lesson's.
        records: the latest of each student.
    """
    counted = sorted((one for one in records if one.status != "failed"), key=lambda one: one.student)
    everybody = sorted(records, key=lambda one: one.student)
    first = counted[0].data["exercises"] if counted else []
    return Lesson(
        name=name,
        points=counted[0].data["points"] if counted else 0,
        totals={one.student: one.data["earned"] for one in counted},
        shares={one.student: {each["name"]: _share(each) for each in one.data["exercises"]} for one in counted},
        items=tuple(_item(exercise["name"], counted) for exercise in first),
        mistakes={one.student: {each["name"]: each["mistake"] for each in one.data["exercises"]} for one in counted},
        statuses={one.student: one.status for one in everybody},
        failures={one.student: one.failure or one.data.get("fault", "") for one in everybody if one.status != "graded"},
        repairs={one.student: tuple(one.data["notes"]) for one in counted if one.data["notes"]},
        seconds={one.student: one.seconds for one in everybody},
    )


def _share(exercise: dict[str, Any]) -> float:
    return exercise["earned"] / exercise["points"] if exercise["points"] else 0.0


def _item(name: str, records: Sequence[Record]) -> Item:
    found = [next(each for each in one.data["exercises"] if each["name"] == name) for one in records]
    rest = [float(one.data["earned"] - (0 if each["bonus"] else each["earned"]))
            for one, each in zip(records, found, strict=True)]  # fmt: skip
    untouched = [all(case["kind"] in ("missing", "unfinished") for case in each["cases"]) for each in found]
    tried = [each for each, left in zip(found, untouched, strict=True) if not left and not each["solved"]]
    return Item(
        name=name,
        points=found[0]["points"],
        bonus=found[0]["bonus"],
        difficulty=sum(map(_share, found)) / len(found),
        discrimination=correlation([float(each["earned"]) for each in found], rest),
        solved=sum(each["solved"] for each in found),
        untouched=sum(untouched),
        mistakes=_mistakes(tried),
        unexplained=sum(not each["mistake"] for each in tried),
    )


def _mistakes(tried: Sequence[dict[str, Any]]) -> tuple[Mistake, ...]:
    """The known mistakes of those who tried, the commonest first."""
    counts = Counter(each["mistake"] for each in tried if each["mistake"])
    words = {case["mistake"]: case["explanation"] for each in tried for case in each["cases"] if case["mistake"]}
    ranked = sorted(counts, key=lambda one: (-counts[one], one))
    return tuple(Mistake(one, words.get(one, ""), counts[one]) for one in ranked)
