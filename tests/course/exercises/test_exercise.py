"""What a case draws, what it may expect, and what it says when that does not hold."""

import pytest
import torch

from storyteller_course.exercises.exercise import PUBLIC, Draw, Mismatch, raises, true
from storyteller_course.runner.student_errors import StudentError


def test_draws_depend_on_seed_exercise_and_case_alone() -> None:
    def numbers(*parts: str) -> list[object]:
        draw = Draw(*parts)
        return [draw.random(), draw.tensor(2, 2).tolist(), draw.integers(0, 9, 3).tolist(), draw.text(5, rare=True)]

    assert numbers(PUBLIC, "a", "b") == numbers(PUBLIC, "a", "b")
    distinct = [
        numbers(PUBLIC, "a", "b"),
        numbers("secret", "a", "b"),
        numbers(PUBLIC, "ab", ""),
        numbers(PUBLIC, "a", "c"),
    ]
    assert len({str(each) for each in distinct}) == 4


def test_a_draw_has_the_shape_and_type_that_was_asked_for() -> None:
    draw = Draw("x")
    assert draw.tensor(2, 3, dtype="float64").dtype == torch.float64
    assert draw.tensor(2, 3).shape == (2, 3)
    assert draw.tensor(1000, scale=5.0).std() > 3
    assert set(draw.integers(2, 4, 50).tolist()) == {2, 3}
    assert len(draw.text(7).split(" ")) == 7
    assert set(draw.text(["a"], count=4).replace(" ", "")) <= set("a,.!?")
    assert any(not text.isascii() or "'" in text or "," in text or "-" in text for text in [draw.text(3, rare=True)])


def test_raises_takes_the_class_and_its_subclasses() -> None:
    def fail(kind: str, *names: str) -> None:
        raise StudentError(kind, "no", names=names)

    raises(LookupError, fail, "raised", "KeyError", "LookupError", "Exception")
    with pytest.raises(Mismatch, match=r"raised TypeError, it should raise LookupError"):
        raises(LookupError, fail, "raised", "TypeError", "Exception")
    with pytest.raises(Mismatch, match=r"gave back None, it should raise LookupError"):
        raises(LookupError, lambda: None)
    with pytest.raises(StudentError):  # a missing answer is no exception that was asked for
        raises(Exception, fail, "missing")


def test_true_gives_its_message() -> None:
    true(1 < 2, "never said")
    with pytest.raises(Mismatch, match="too long"):
        true([], "too long")
