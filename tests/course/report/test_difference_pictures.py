"""Small pictures of a difference."""

from typing import Any

import numpy as np
import pytest
import torch
from balance import Balance

from storyteller_course.exercises.equality import Rules
from storyteller_course.report.difference_pictures import MAX_COLUMNS, MAX_ROWS, aligned_text, picture


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (torch.randn(5, 7), torch.randn(5, 7)),
        (torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)),
        (torch.tensor([1, 2, 3]), torch.tensor([1, 2, 4])),
        (torch.tensor([True, False]), torch.tensor([True, True])),
        (
            torch.tensor([[1.0, float("nan")], [float("inf"), 2]]),
            torch.tensor([[1.0, 5], [-float("inf"), float("nan")]]),
        ),
        (torch.full((3, 3), float("nan")), torch.zeros(3, 3)),
        (torch.zeros(3, 3, dtype=torch.bfloat16), torch.ones(3, 3, dtype=torch.bfloat16)),
        (np.zeros((4, 4)), np.ones((4, 4))),
    ],
)
def test_tensors_get_three_panels(got: Any, wanted: Any) -> None:
    page = picture((got, wanted), Rules(exact=False))
    assert page.count("<svg") == 3
    Balance(page)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(()), torch.ones(())),
        (torch.zeros(2, dtype=torch.complex64), torch.ones(2, dtype=torch.complex64)),
        (1, 2),
        ({}, []),
    ],
)
def test_where_no_picture_helps_there_is_none(got: Any, wanted: Any) -> None:
    assert picture((got, wanted), Rules()) == ""


def test_a_large_heat_map_shows_in_blocks_where_it_differs() -> None:
    wanted = torch.zeros(160, 320)
    got = wanted.clone()
    got[159, 319] = 1
    page = picture((got, wanted), Rules())
    assert page.count("<rect") == 3 * MAX_ROWS * MAX_COLUMNS
    assert page.count("rgba(230,126,34") == 1


def test_the_slice_that_differs_is_the_one_shown() -> None:
    wanted = torch.zeros(2, 3, 4, 4)
    got = wanted.clone()
    got[1, 2, 3, 3] = 5
    assert "slice [1, 2, :, :]" in picture((got, wanted), Rules())


def test_texts_are_aligned_around_the_first_difference() -> None:
    got, wanted = "a" * 100 + "cat sat", "a" * 100 + "cat  sat!"
    assert aligned_text(got, wanted).splitlines() == [
        "yours   …" + "a" * 20 + "cat·" + " " + "sat",
        "wanted  …" + "a" * 20 + "cat·" + "·" + "sat!",
        " " * 9 + " " * 24 + "^" + "   " + "^",
    ]
    page = picture((got, wanted), Rules())
    assert page.count("sty-diff") == 4
    assert "…" in page


def test_rows_of_tokens_are_aligned() -> None:
    page = picture(([1, 2, 3], [1, 3]), Rules())
    assert page.count("sty-diff") == 2
    assert page.count("sty-same") == 4
