"""The inputs of a case hang on seed, exercise and case alone."""

import torch

from storyteller_course.exercises.inputs import PUBLIC, Draw


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
