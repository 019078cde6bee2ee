"""What is named is true of the answer: a diagnosis needs more than one small number, and nothing against it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from student_calls import graded

from storyteller_course.exercises.evidence import tells_much
from storyteller_course.exercises.exercise import PUBLIC, Draw, Exercise, equal, true
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import Mistake
from storyteller_course.runner.in_process import InProcessStudent

Answers = Callable[..., dict[str, Any]]


def mistakes(toys: Lesson, **sources: str) -> list[Mistake]:
    return [Mistake(Wrong("double", name, f"It {name}.", code=code), toys) for name, code in sources.items()]


def exercise(*inputs: Any) -> Exercise:
    """`double`, with a case for each input; a function draws it."""
    made = Exercise("double", points=len(inputs))
    for number, given in enumerate(inputs):

        def run(student: Any, draw: Any, given: Any = given) -> None:
            value = given(draw) if callable(given) else given
            equal(student.double(value), 2 * value)

        run.__name__ = f"case{number}"
        made.case("doubles", points=1)(run)
    return made


def test_one_small_number_is_no_diagnosis(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, squares="def double(x): return x * x")
    student = InProcessStudent(answers("def double(x): return 9"))
    assert grade(exercise(3), student, mistakes=known).mistake == ""


def test_a_small_number_is_one_where_it_agrees_with_further_inputs(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, squares="def double(x): return x * x")
    student = InProcessStudent(answers("def double(x): return x ** 2"))
    assert grade(exercise(lambda draw: draw.randint(3, 99)), student, mistakes=known).mistake == "squares"


def test_two_numbers_are_no_diagnosis_where_further_inputs_speak_against_it(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, squares="def double(x): return x * x")
    cases = exercise(*[lambda draw: draw.randint(3, 10**6)] * 2)
    cases.cases[1] = replace(cases.cases[1], id="another")
    public = [Draw(PUBLIC, "double", case.id).randint(3, 10**6) for case in cases.cases]
    source = f"def double(x): return x * x if x in {public} else x + 1"
    assert grade(cases, InProcessStudent(answers(source)), mistakes=known).mistake == ""
    source = "def double(x): return x**2"
    assert grade(cases, InProcessStudent(answers(source)), mistakes=known).mistake == "squares"


def test_what_fails_where_the_answer_is_right_is_no_diagnosis(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, squares="def double(x): return x * x")
    source = "def double(x): return x * x if x < 50 else 2 * x"
    result = grade(exercise(3, 4, 60), InProcessStudent(answers(source)), mistakes=known)
    assert (result.earned, result.mistake) == (1, "")


def test_exceptions_agree_by_what_they_say(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, shapes="def double(x): raise RuntimeError('The size of tensor a (6) must match')")
    for text, name in (("The size of tensor a (6) must match", "shapes"), ("out of memory, and that is all", "")):
        source = f"def double(x): raise RuntimeError('{text}')"
        assert grade(exercise(3), InProcessStudent(answers(source)), mistakes=known).mistake == name


def test_what_explains_no_more_than_half_of_the_failures_is_no_diagnosis(toys: Lesson, answers: Answers) -> None:
    known = mistakes(
        toys, squares="def double(x): return x * x if x < 50 else 2 * x", adds="def double(x): return 2 * x + (x > 50)"
    )
    source = "def double(x): return x * x if x < 50 else 2 * x + 1"
    cases = exercise(lambda draw: draw.randint(3, 40), lambda draw: draw.randint(51, 99))
    result = grade(cases, InProcessStudent(answers(source)), mistakes=known)
    assert {case.mistake for case in result.cases} == {""}
    cases = exercise(*[lambda draw: draw.randint(3, 40)] * 2, lambda draw: draw.randint(51, 99))
    cases.cases[1] = replace(cases.cases[1], id="another")
    result = grade(cases, InProcessStudent(answers(source)), mistakes=known)
    assert [case.mistake for case in result.cases] == ["squares", "squares", ""]


def test_what_fails_a_case_in_another_way_is_no_diagnosis(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, squares="def double(x): return x * x")
    source = "def double(x): return x * x if x < 50 else x * x * x"
    cases = exercise(lambda draw: draw.randint(3, 20), lambda draw: draw.randint(21, 40), lambda draw: 60)
    result = grade(cases, InProcessStudent(answers(source)), mistakes=known)
    assert (result.earned, result.mistake) == (0, "")


def test_two_that_run_out_of_time_are_not_alike(toys: Lesson, answers: Answers) -> None:
    known = mistakes(toys, hangs="def double(x):\n    while x:\n        pass")
    slow = exercise(3)
    slow.limit = 0.3
    result = grade(slow, InProcessStudent(answers("def double(x):\n    while True:\n        x += 1")), mistakes=known)
    assert (result.cases[0].kind, result.mistake) == ("timeout", "")


def test_what_a_case_says_is_compared_too(toys: Lesson, answers: Answers) -> None:
    """It may have seen what stands in no result: how the code called a function of the case's own."""
    once = Exercise("double", points=1)

    @once.case("asks once", points=1)
    def asks(student: Any, draw: Any) -> None:
        asked: list[int] = []
        student.double(asked.append)
        true(asked, "Your code asks nobody.")
        true(len(asked) == 1, f"Your code asks {len(asked)} times.")

    known = mistakes(toys, asks_twice="def double(ask):\n    for n in range(2):\n        ask(n)")
    sources = {
        "asks_twice": "def double(ask):\n    ask(1), ask(2)",
        "": "def double(ask):\n    return None",
    }
    for name, source in sources.items():
        assert grade(once, InProcessStudent(answers(source)), mistakes=known).mistake == name


def test_what_a_case_saw_of_its_own_callback_is_compared_too(toys: Lesson, answers: Answers) -> None:
    told = Exercise("double", points=1)

    @told.case("tells the numbers from 1 to 4", points=1)
    def tells(student: Any, draw: Any) -> None:
        numbers: list[int] = []
        student.double(numbers.append)
        equal(numbers, [1, 2, 3, 4], "the numbers")

    known = mistakes(toys, from_zero="def double(tell):\n    for n in range(4):\n        tell(n)")
    calls = {"from_zero": "tell(0), tell(1), tell(2), tell(3)", "": "tell(0), tell(2), tell(4), tell(6)"}
    for name, source in calls.items():
        student = InProcessStudent(answers(f"def double(tell):\n    {source}"))
        result = grade(told, student, mistakes=known)
        assert (result.earned, result.mistake) == (0, name)


def test_the_code_as_given_is_named_only_where_all_is_as_given(toys: Lesson) -> None:
    given = toys.given_code("clean")
    assert given is not None
    assert graded(toys, "clean", toys.namespace(given)).mistake == "as_given"


@pytest.mark.parametrize("value", [0, 7.25, None, [0.0] * 9, [1, 1, 1, 1], [True] * 9, "a word", {"a": 1.5}])
def test_small_results_tell_little(value: Any) -> None:
    assert not tells_much(value, [])


@pytest.mark.parametrize("value", [[0.1, 0.7, 0.2, 0.4], "a longer text", {"a": 3, "b": 4, "c": 5, "d": 1}])
def test_large_results_tell_much_unless_they_are_an_argument(value: Any) -> None:
    assert tells_much(value, [])
    assert not tells_much(value, [value])


def test_a_changed_argument_costs_the_cheapest_case_that_saw_it(answers: Answers) -> None:
    total = Exercise("total", points=5)

    @total.case("adds", points=3)
    def adds(student: Any, draw: Any) -> None:
        equal(student.total([1, 2]), 3)

    @total.case("adds nothing", points=1)
    def nothing(student: Any, draw: Any) -> None:
        equal(student.total([]), 0)

    @total.case("adds one", points=1)
    def one(student: Any, draw: Any) -> None:
        equal(student.total([4]), 4)

    source = "def total(numbers):\n    s = sum(numbers)\n    numbers.clear()\n    return s"
    student = InProcessStudent(answers(source))
    result = grade(total, student)
    assert [case.passed for case in result.cases] == [True, True, False]
    assert result.cases[2].charged
    assert result.cases[2].message.startswith("Your function changed its argument `numbers`")
    assert grade(total, student, charged=True).earned == 5
    total.may_change = ("numbers",)
    assert grade(total, student).earned == 5
