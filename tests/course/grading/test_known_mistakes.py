"""A known wrong answer is run once for a case and a seed."""

import time
from collections.abc import Callable
from typing import Any

from storyteller_course.exercises.assertions import Mismatch, equal
from storyteller_course.exercises.exercise import Exercise
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.grade import grade, run_case
from storyteller_course.grading.known_mistakes import Mistake, known_mistakes
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.student_errors import StudentError

Answers = Callable[..., dict[str, Any]]


def test_a_known_wrong_answer_runs_once_for_a_case_and_a_seed(toys: Lesson, answers: Answers) -> None:
    calls: list[Any] = []
    exercise = Exercise("double", points=1)

    @exercise.case("of a drawn number", points=1)
    def drawn(student: Any, draw: Any) -> None:
        number = draw.randint(3, 10**9)
        calls.append(number)
        equal(student.double(number), 2 * number)

    known = known_mistakes(toys, "double")
    student = InProcessStudent(answers("def double(x): return 7"))
    for seeds, expected in ((("public",), 1 + len(known)), (("public",), 1), (("other",), 1 + len(known))):
        calls.clear()
        grade(exercise, student, mistakes=known, seeds=seeds)
        assert len(calls) == expected


def test_a_known_wrong_answer_that_was_cut_off_gets_another_chance(toys: Lesson, answers: Answers) -> None:
    exercise = Exercise("double", points=1)
    hurry = True

    @exercise.case("slowly", points=1)
    def slowly(student: Any, draw: Any) -> None:
        equal(student.double(lambda: time.sleep(0.3 if hurry else 0)), None)

    wrong = Wrong("double", "slow", "It waits.", code="def double(x):\n    x()\n    return 4")
    run = run_case(exercise, exercise.cases[0], InProcessStudent(answers("def double(x): return 4")), "public")
    mistake = Mistake(wrong, toys)
    assert isinstance(failure := mistake.run(run, limit=0.1).failure, StudentError)
    assert failure.kind == "timeout"
    hurry = False
    assert isinstance(mistake.run(run, limit=5).failure, Mismatch)


def test_wrong_answers_have_what_a_card_needs(toys: Lesson) -> None:
    for answer in toys.answers:
        if isinstance(answer, Wrong):
            assert answer.explanation.endswith(".")
