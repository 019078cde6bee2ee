"""Questions on the lesson before: what is drawn, what is right, and what a class gets."""

import pytest

from storyteller.errors import StorytellerError
from storyteller_course.exercises.known_answers import run_source
from storyteller_course.exercises.recall import (
    UNANSWERED,
    answer_source,
    canonical,
    choice,
    in_markdown,
    number,
    recall_exercise,
    sealed_source,
)
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent

POOL = [
    *(choice(f"Which is {n}?", f"right {n}", {f"x {n}": f"x is not {n}", f"y {n}": f"y is not {n}"}) for n in range(6)),
    number("How many?", 1556, {300: "The bytes are missing."}),
    number("What share?", 0.25),
]


def exercise(seed=1):
    return recall_exercise(about="lesson 01", seed=seed, pool=POOL)


def graded(described, answers):
    namespace = {}
    run_source(f"def recall():\n    return {answers!r}\n", namespace, "<cell>")
    return grade(described, InProcessStudent(namespace))


def right_answers(described):
    return {place: question.answer for place, question in enumerate(described.questions, 1)}


def test_five_are_drawn_by_the_seed_in_the_order_of_the_pool():
    drawn = {seed: [question.text for question in exercise(seed).questions] for seed in range(40)}
    assert drawn[1] == [question.text for question in exercise(1).questions]
    order = [question.text for question in POOL]
    for texts in drawn.values():
        assert len(set(texts)) == 5
        assert sorted(texts, key=order.index) == texts
    assert {text for texts in drawn.values() for text in texts} == set(order)
    assert {exercise(seed).questions[0].answer for seed in range(40)} >= {"a", "b", "c"}  # the right one moves


def test_the_letter_of_the_right_choice_follows_its_text():
    for seed in range(20):
        for question in exercise(seed).questions:
            if question.choices:
                assert question.choices["abc".index(question.answer)].startswith("right")
                for letter, why in question.why.items():
                    assert question.choices["abc".index(letter)][0] == why[0]


@pytest.mark.parametrize("seed", range(5))
def test_each_right_answer_is_a_point_and_each_wrong_one_is_explained(seed):
    described = exercise(seed)
    right = right_answers(described)
    assert described.points == 5
    assert graded(described, right).earned == 5
    for place, question in enumerate(described.questions, 1):
        for wrong, why in question.why.items():
            result = graded(described, {**right, place: wrong})
            assert result.earned == 4
            [failed] = [case for case in result.cases if not case.passed]
            assert (failed.id, failed.message) == (f"question_{place}", why)


def test_what_is_not_answered_is_no_error_of_the_code():
    described = exercise()
    result = graded(described, dict.fromkeys(range(1, 6)))
    assert (result.earned, {case.message for case in result.cases}) == (0, {UNANSWERED})
    assert graded(described, {}).earned == 0
    result = graded(described, ["a"] * 5)
    assert result.earned == 0
    assert "dictionary" in result.cases[0].message


@pytest.mark.parametrize(
    ("given", "form"),
    [(" B) ", "b"), ("(c)", "c"), ("1,556", "1556"), (1556.0, "1556"), (1556, "1556"), ("0.25", "0.25"),
     (".25", "0.25"), (True, ""), (None, ""), (float("nan"), ""), ([1], ""), ("1e3", "1000")],
)  # fmt: skip
def test_an_answer_is_the_same_however_it_is_written(given, form):
    assert canonical(given) == form


def test_a_class_gets_the_same_questions_without_the_answers():
    described = exercise()
    source, namespace = sealed_source(described), {}
    exec(source, namespace)
    sealed = namespace["recall"]
    assert in_markdown(sealed.questions) == in_markdown(described.questions)
    assert [question.answer for question in sealed.questions] == [""] * 5
    assert '"answer": "b"' not in source
    assert "1556" not in source
    assert "right=" not in source
    right = right_answers(described)
    assert graded(sealed, right).earned == 5
    assert graded(sealed, {**right, 1: "z"}).earned == 4


def test_the_cell_has_the_answers_or_none():
    described = exercise()
    namespace = {}
    run_source(answer_source(described.questions, solved=True), namespace, "<solved>")
    assert grade(described, InProcessStudent(namespace)).earned == 5
    stub = answer_source(described.questions, solved=False)
    assert stub.count("None,") == 5


@pytest.mark.parametrize("pool", [POOL[:4], [*POOL[:5], POOL[0]]])
def test_a_pool_has_enough_questions_each_once(pool):
    with pytest.raises(StorytellerError, match="A pool has 5 questions or more"):
        recall_exercise(about="lesson 01", seed=1, pool=pool)


def test_a_choice_needs_others():
    with pytest.raises(StorytellerError, match="needs a right choice and at least two others"):
        choice("Which?", "this", {"that": "no"})
