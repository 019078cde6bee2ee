"""Points, guards and seeds; and which known mistake explains a failure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_calls import graded

from storyteller_course.exercises.exercise import Exercise, equal
from storyteller_course.exercises.known_answers import AS_GIVEN, Right
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.notebook.use import check_quietly
from storyteller_course.runner.in_process import InProcessStudent

Answers = Callable[..., dict[str, Any]]


TOYS = load_lesson(Path(__file__).parents[1] / "toy_lessons" / "01_toys")


@pytest.mark.parametrize("name", list(TOYS.exercises))
def test_the_reference_gets_full_marks(toys: Lesson, answers: Answers, name: str) -> None:
    result = graded(toys, name, answers("double", name), seeds=("public", "secret", "other"))
    assert (result.solved, result.earned) == (True, result.points)


def test_right_answers_in_another_style_get_full_marks(toys: Lesson) -> None:
    rights = [answer for answer in toys.answers if isinstance(answer, Right)]
    assert rights
    for right in rights:
        assert graded(toys, right.exercise, toys.namespace(right)).solved


def test_the_given_code_of_a_bug_hunt_earns_nothing(toys: Lesson) -> None:
    given = toys.given_code("clean")
    assert given is not None
    result = graded(toys, "clean", toys.namespace(given))
    assert result.earned == 0
    assert {case.explanation for case in result.cases if not case.passed} == {AS_GIVEN}
    assert result.mistake == "as_given"


def test_a_broken_guard_loses_the_exercise(toys: Lesson, answers: Answers) -> None:
    result = graded(toys, "clean", answers("def clean(text): return text.replace('   ', ' ')"))
    assert [case.passed for case in result.cases] == [True, False]
    assert (result.earned, result.solved) == (0, False)


def test_a_case_must_pass_with_every_seed(answers: Answers) -> None:
    exercise = Exercise("f", points=1)

    @exercise.case("is drawn", points=1)
    def drawn(student: Any, draw: Any) -> None:
        number = draw.randint(0, 10**9)
        seen.append(number)
        equal(student.f(number), number)

    seen: list[int] = []
    memorised = answers("table = {}\ndef f(x): return table.get(x)")
    grade(exercise, InProcessStudent(memorised))
    memorised["table"][seen[0]] = seen[0]
    assert grade(exercise, InProcessStudent(memorised)).solved
    result = grade(exercise, InProcessStudent(memorised), seeds=("public", "secret", "more"))
    assert (result.earned, result.cases[0].seed_index) == (0, 1)


def test_only_some_cases_can_be_graded(toys: Lesson, answers: Answers) -> None:
    result = graded(toys, "counts", answers("counts"), only=["pure"])
    assert [case.id for case in result.cases] == ["pure"]
    assert result.earned == 1


def test_an_untouched_stub_and_a_missing_answer_are_no_mistakes(toys: Lesson, answers: Answers) -> None:
    stub = (
        'def double(x):\n    # TODO 1: multiply\n    raise NotImplementedError("double: fill in the TODOs above, then")'
    )
    for namespace in (answers(), answers(stub)):
        result = graded(toys, "double", namespace)
        assert result.unfinished
        assert result.earned == 0


def test_an_answer_that_never_ends_costs_its_cases_and_no_more_patience(toys: Lesson, answers: Answers) -> None:
    source = "def double(x):\n    while x > 1:\n        pass\n    return 2 * x"
    exercise = Exercise("double", points=2, limit=0.5, cases=toys.exercises["double"].cases[:1])

    @exercise.case("doubles one to two", points=1)  # of nothing the double is what an answer that does nothing gives
    def one(student: Any, draw: Any) -> None:
        equal(student.double(1), 2)

    result = grade(exercise, InProcessStudent(answers(source)))
    assert [case.kind for case in result.cases] == ["timeout", ""]
    assert result.earned == 1


def test_a_result_that_a_case_cannot_even_look_at_is_explained(answers: Answers) -> None:
    exercise = Exercise("f", points=1)

    @exercise.case("has a first item", points=1)
    def first(student: Any, draw: Any) -> None:
        equal(student.f()[0], 1)

    result = grade(exercise, InProcessStudent(answers("def f(): return None")))
    assert "does not have the form" in result.cases[0].message
    assert result.cases[0].kind == "mismatch"


def test_a_shortcut_gets_no_points_and_no_diagnosis(toys: Lesson, answers: Answers) -> None:
    source = "from collections import Counter\ndef counts(words): return dict(Counter(words))"
    result = graded(toys, "counts", answers(source))
    assert result.earned == 0
    assert {case.kind for case in result.cases} == {"shortcut"}
    assert result.mistake == ""


def test_what_is_built_on_and_not_solved_is_replaced(
    toys: Lesson, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lesson, "stand_in", lambda self, name: (lambda x: x + x) if name == "double" else None)
    broken = answers("def double(x): return 0", "quadruple")
    result = check_quietly(toys, "quadruple", broken)
    assert (result.solved, result.replaced) == (True, ("double",))
    assert broken["double"](3) == 0  # put back
    assert check_quietly(toys, "quadruple", answers("double", "quadruple")).replaced == ()


def test_what_an_earlier_use_put_there_is_named_as_not_solved_too(
    toys: Lesson, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {"double": lambda x: x + x, "counts": lambda words: {word: words.count(word) for word in words}}
    monkeypatch.setattr(Lesson, "stand_in", lambda self, name: ours.get(name))
    monkeypatch.setattr(Lesson, "foundations", lambda self, name: ["double", "counts"] if name == "quadruple" else [])
    lent = answers("def counts(words): return {}", "def quadruple(x): raise NotImplementedError") | {
        "double": ours["double"]
    }
    assert check_quietly(toys, "quadruple", lent).replaced == ("double", "counts")
    assert lent["double"] is ours["double"]


WRONG = [  # what never ends is told by nothing from other code that takes too long
    (name, wrong.name) for name in TOYS.exercises for wrong in TOYS.mistakes(name) if wrong.name != "endless"
]


@pytest.mark.parametrize(("exercise", "name"), WRONG)
def test_every_known_wrong_answer_loses_points_and_is_recognised(toys: Lesson, exercise: str, name: str) -> None:
    wrong = next(answer for answer in toys.mistakes(exercise) if answer.name == name)
    result = graded(toys, exercise, toys.namespace(wrong))
    assert result.earned < result.points
    assert result.mistake in {name, wrong.synonym_of} - {""}
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
