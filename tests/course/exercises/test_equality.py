"""Where two values first differ."""

import re
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller_course.exercises.equality import difference
from storyteller_course.exercises.exercise import Mismatch, close, equal

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        | st.frozensets(st.integers(), max_size=4)
    ),
    max_leaves=12,
)


def message(got: Any, wanted: Any, **options: Any) -> str:
    with pytest.raises(Mismatch) as caught:
        equal(got, wanted, "the counts", **options)
    return caught.value.message


@given(PLAIN)
@settings(max_examples=150, deadline=None)
def test_every_value_equals_itself(value: Any) -> None:
    equal(value, value)
    close(value, value)


@given(PLAIN, PLAIN)
@settings(max_examples=300, deadline=None)
def test_what_python_calls_unequal_is_never_equal(one: Any, other: Any) -> None:
    if difference(one, other) is None:
        assert repr(_as_lists(one)) == repr(_as_lists(other)) or _as_lists(one) == _as_lists(other)


def _as_lists(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_lists(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        ([1, 2], (1, 2)),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (torch.tensor(3), 3),
        (3, torch.tensor(3)),
        (2, 2.0),
        ({1, 2}, frozenset({2, 1})),
        (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64)),
        (float("nan"), float("nan")),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")])),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ],
)
def test_values_that_mean_the_same_are_equal(got: Any, wanted: Any) -> None:
    equal(got, wanted)


@pytest.mark.parametrize(
    ("got", "wanted", "text"),
    [
        (None, [1], "gave back None; did you forget the return"),
        (2.0, 2, "a float, 2.0, where the int 2 should be"),
        (True, 1, None),
        ("3", 3, "you have a text where an int should be"),
        ([1, 2, 3], [1, 2, 4], "at [2] you have 3, it should be 4"),
        ([1, 2], [1, 2, 3], "you have 2 items, there should be 3"),
        ([[1], [2, 5]], [[1], [2, 6]], "at [1][1]"),
        ({"a": 1}, {"a": 1, "b": 2}, "at ['b'] you have no entry"),
        ({"a": 1, "b": 2}, {"a": 1}, "at ['b'] you have an entry that should not be there"),
        ({1}, {1, 2}, "2 is missing"),
        ({1, 3}, {1}, "3 should not be there"),
        ("cat", "cut", "from character 1 on"),
        ("cats", "cat", "yours is longer than it should be, by 's'"),
        ("ca", "cat", "yours ends too early; 't' is missing"),
        (torch.zeros(2, 3), torch.zeros(3, 2), "your shape is (2, 3), it should be (3, 2)"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.int64), "your dtype is torch.float32"),
        (torch.tensor([[1, 2], [3, 5]]), torch.tensor([[1, 2], [3, 4]]), "at [1, 1] you have 5, it should be 4"),
        ([1.0, 2.0], torch.tensor([1.0, 2.0]), "you have a list where a tensor of shape (2,) should be"),
        (np.zeros(2), np.ones(2), "at [0] you have 0, it should be 1"),
        (object(), 1, "you have an object where an int"),
    ],
)  # fmt: skip
def test_a_difference_is_told_where_it_is(got: Any, wanted: Any, text: str | None) -> None:
    said = message(got, wanted)
    assert said.startswith("The counts: ")
    assert text is None or text in said


def test_dtype_and_order_count_when_a_case_asks_for_them() -> None:
    assert "dtype" in message(torch.zeros(2), torch.zeros(2, dtype=torch.float64), dtype=True)
    assert "order of the keys" in message({"b": 1, "a": 2}, {"a": 2, "b": 1}, ordered=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_tolerances_suit_the_type(dtype: torch.dtype) -> None:
    wanted = torch.linspace(0.5, 3, 20, dtype=torch.float64).to(dtype)
    close(wanted, wanted)
    close((wanted * (1 + torch.finfo(dtype).eps)).to(dtype), wanted)
    with pytest.raises(Mismatch):
        close(wanted * 1.05, wanted)


@pytest.mark.parametrize("wanted_in", [torch.float64, torch.float32])
def test_what_is_right_for_float32_is_right(wanted_in: torch.dtype) -> None:
    wanted = torch.linspace(0.5, 3, 20, dtype=torch.float64)
    close(wanted.float(), wanted.to(wanted_in))
    close(wanted.float().double(), wanted.to(wanted_in))
    close(float(wanted[1].float()), wanted[1].item())
    close(-1e-9, 0.0)  # the entropy of a sure router, by log(p + 1e-9)


@pytest.mark.parametrize("coarse", [torch.float16, torch.bfloat16])
def test_a_coarser_type_is_wrong_even_where_its_numbers_are_right(coarse: torch.dtype) -> None:
    wanted = torch.tensor([0.0, 0.5, 1.0])
    with pytest.raises(Mismatch, match=rf"your dtype is {coarse}, it should be torch.float32"):
        close(wanted.to(coarse), wanted)
    with pytest.raises(Mismatch, match="too coarse"):
        close(torch.tensor(0.5, dtype=coarse), 0.5)
    with pytest.raises(Mismatch):  # nor is it hidden in a finer one
        close(torch.linspace(0.1, 1, 7).to(coarse).float(), torch.linspace(0.1, 1, 7))
    close(wanted, wanted.to(coarse))


def test_whole_numbers_have_all_their_bits() -> None:
    ids = torch.tensor([3, 1])
    with pytest.raises(Mismatch, match=r"your dtype is torch.int32, it should be torch.int64"):
        equal(ids.int(), ids)
    equal(ids, ids.int())


def test_a_tensor_of_one_number_is_a_number() -> None:
    equal({"steps": torch.tensor(0.0)}, {"steps": 0})
    with pytest.raises(Mismatch):
        equal(torch.tensor(0.5), 0)


def test_two_numbers_are_shown_with_as_many_digits_as_differ() -> None:
    with pytest.raises(Mismatch) as caught:
        close(torch.tensor([0.0477229]), torch.tensor([0.0477229 * (1 + 2e-6)]), rtol=1e-9, atol=0.0)
    found = re.search(r"you have (\S+), it should be (\S+) \(the first (\d) digits agree", caught.value.message)
    assert found is not None
    assert found[1] != found[2]
    assert "computed in float32?" in caught.value.message
    assert caught.value.rounding
    with pytest.raises(Mismatch) as caught:
        close(0.25, 0.5)
    assert caught.value.message == "The result: you have 0.25, it should be 0.5."
    assert not caught.value.rounding


def test_close_compares_whole_numbers_exactly_in_tensors() -> None:
    with pytest.raises(Mismatch):
        close(torch.tensor([1_000_000]), torch.tensor([1_000_001]))
