"""Which known mistake explains a failure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_calls import graded

from storyteller_course.exercises.assertions import equal
from storyteller_course.exercises.exercise import Exercise
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.runner.in_process import InProcessStudent

Answers = Callable[..., dict[str, Any]]


TOYS = load_lesson(Path(__file__).parents[1] / "toy_lessons" / "01_toys")


WRONG = [(answer.exercise, answer.name) for answer in TOYS.answers if isinstance(answer, Wrong)]


@pytest.mark.parametrize(("exercise", "name"), WRONG)
def test_every_known_wrong_answer_loses_points_and_is_recognised(toys: Lesson, exercise: str, name: str) -> None:
    wrong = next(answer for answer in toys.mistakes(exercise) if answer.name == name)
    result = graded(toys, exercise, toys.namespace(wrong))
    assert result.earned < result.points
    assert result.mistake in (name, wrong.synonym_of)
    explained = [case for case in result.cases if case.explanation]
    assert explained
    assert all(not case.passed for case in explained)


def test_a_mistake_of_ones_own_is_not_explained_by_anothers(toys: Lesson, answers: Answers) -> None:
    result = graded(toys, "double", answers("def double(x): return 7"))
    assert result.mistake == ""
    assert result.cases[0].message.startswith("The double: you have 7, it should be")
    assert result.cases[0].got == 7


def test_of_two_explanations_the_one_that_fits_more_cases_wins(toys: Lesson) -> None:
    exercise = Exercise("double", points=2)

    @exercise.case("two", points=1)
    def two(student: Any, draw: Any) -> None:
        equal(student.double(2), 5)  # both wrong answers give 4 here

    @exercise.case("three", points=1)
    def three(student: Any, draw: Any) -> None:
        equal(student.double(3), 6)

    squares = next(answer for answer in toys.mistakes("double") if answer.name == "squares")
    result = grade(exercise, InProcessStudent(toys.namespace(squares)), mistakes=known_mistakes(toys, "double"))
    assert [case.mistake for case in result.cases] == ["squares", "squares"]
