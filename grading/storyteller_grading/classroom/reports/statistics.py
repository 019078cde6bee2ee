"""What a class's points say: about the lesson's exercises, and about who needs help where.

The share of points and the discrimination are those of classical test theory: the mean share of an exercise's points
(there called its difficulty, though a high one is easy), and the correlation of an exercise's points with all the
others' (item-rest correlation; Nunnally and Bernstein, "Psychometric Theory", 1994, section 8).
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
class MistakeCount:
    """A known mistake, and how many made it."""

    name: str
    explanation: str
    count: int


@dataclass(frozen=True)
class ExerciseStatistics:
    """One exercise, in the whole class."""

    name: str
    points: int
    bonus: bool
    share: float  # mean share of the points, which test theory calls difficulty: 1 is easy for all
    discrimination: float | None  # None where nothing varies
    solved: int
    untouched: int  # who has not written anything
    mistakes: tuple[MistakeCount, ...] = ()  # the commonest first
    unexplained: int = 0  # tried, not solved, and no known mistake was recognised


@dataclass(frozen=True)
class LessonStatistics:
    """One lesson, in the whole class."""

    name: str
    points: int
    totals: dict[str, int]  # by student, extra credit not counted
    shares: dict[str, dict[str, float]]  # by student and exercise, the share of its points
    items: tuple[ExerciseStatistics, ...]
    mistakes: dict[str, dict[str, str]] = field(default_factory=dict)  # by student and exercise, the one recognised
    statuses: dict[str, str] = field(default_factory=dict)  # by student
    failures: dict[str, str] = field(default_factory=dict)  # what the grader or the reader said
    repairs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reached: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # by student and exercise, see judge.reached
    course_text: dict[str, dict[str, str]] = field(default_factory=dict)  # likewise, where the answer's text stands
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
        first = {
            student: next((name for name in names if shares.get(name, 0.0) < STUCK), "")
            for student, shares in self.shares.items()
        }
        return {student: name for student, name in first.items() if name}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies, between neighbours in proportion.

    >>> quantile([1, 2, 3, 10], 0.5)
    2.5
    """
    return float(np.quantile(values, share)) if values else 0.0


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's correlation; None where one of the two does not vary.

    >>> correlation([1, 2, 3], [2, 4, 6])
    1.0
    """
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return statistics.correlation(first, second)


def lesson_statistics(name: str, records: Sequence[Record]) -> LessonStatistics:
    """What the records of a lesson say. Whose notebook could not be read has no points; whom the grader failed is out.

    Args:
        name: the lesson's.
        records: the latest of each student.
    """
    everybody = sorted(records, key=lambda record: record.student)
    counted = [record for record in everybody if record.status != "failed"]
    exercises = {record.student: {each["name"]: each for each in record.data["exercises"]} for record in counted}
    first: dict[str, Any] = counted[0].data if counted else {"points": 0, "exercises": []}
    return LessonStatistics(
        name=name,
        points=first["points"],
        totals={record.student: record.data["earned"] for record in counted},
        shares={
            student: {each: _share(result) for each, result in by_name.items()}
            for student, by_name in exercises.items()
        },
        items=tuple(exercise_statistics(exercise["name"], counted) for exercise in first["exercises"]),
        mistakes={
            student: {each: result["mistake"] for each, result in by_name.items()}
            for student, by_name in exercises.items()
        },
        statuses={record.student: record.status for record in everybody},
        failures={
            record.student: record.failure or record.data.get("fault", "")
            for record in everybody
            if record.status != "graded"
        },
        repairs={record.student: tuple(record.data["notes"]) for record in counted if record.data["notes"]},
        reached={
            record.student: found
            for record in counted
            if (found := {each["name"]: each["reached"] for each in record.data["exercises"] if each.get("reached")})
        },
        course_text={
            record.student: found
            for record in counted
            if (found := {each["name"]: text for each in record.data["exercises"] if (text := each.get("course_text"))})
        },
        seconds={record.student: record.seconds for record in everybody},
    )


def exercise_statistics(name: str, records: Sequence[Record]) -> ExerciseStatistics:
    """What the records say of one exercise."""
    results = [next(each for each in record.data["exercises"] if each["name"] == name) for record in records]
    rest = [
        float(record.data["earned"] - (0 if result["bonus"] else result["earned"]))
        for record, result in zip(records, results, strict=True)
    ]
    untouched = [all(case["kind"] in ("missing", "unfinished") for case in result["cases"]) for result in results]
    tried = [result for result, empty in zip(results, untouched, strict=True) if not empty and not result["solved"]]
    counts = Counter(result["mistake"] for result in tried if result["mistake"])
    words = {case["mistake"]: case["explanation"] for each in tried for case in each["cases"] if case["mistake"]}
    ranked = sorted(counts, key=lambda mistake: (-counts[mistake], mistake))
    return ExerciseStatistics(
        name=name,
        points=results[0]["points"],
        bonus=results[0]["bonus"],
        share=sum(map(_share, results)) / len(results),
        discrimination=correlation([float(result["earned"]) for result in results], rest),
        solved=sum(result["solved"] for result in results),
        untouched=sum(untouched),
        mistakes=tuple(MistakeCount(mistake, words.get(mistake, ""), counts[mistake]) for mistake in ranked),
        unexplained=sum(not result["mistake"] for result in tried),
    )


def _share(exercise: dict[str, Any]) -> float:
    return exercise["earned"] / exercise["points"] if exercise["points"] else 0.0
