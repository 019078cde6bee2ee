"""Whatever can cross from a student's code is compared, judged and shown without an exception, both ways round."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller_course.exercises.equality import Rules, difference
from storyteller_course.exercises.evidence import is_same, tells_much
from storyteller_course.exercises.exercise import Mismatch, close, equal
from storyteller_course.report.difference_pictures import picture
from storyteller_course.report.safe_repr import safe_repr
from storyteller_course.runner.serialization import Fixture, Reference, decode, encode
from storyteller_course.runner.serialization.encoding import ARRAY_DTYPES, DTYPES

ALL_RULES = [Rules(), Rules(exact=False), Rules(dtype=True, ordered=True), Rules(exact=False, rtol=0.0, atol=0.0)]
SHAPES = st.sampled_from([(), (0,), (1,), (3,), (2, 3), (2, 0, 1)])


def tensor(dtype: torch.dtype, shape: tuple[int, ...], numbers: list[float]) -> torch.Tensor:
    """A tensor of any type, from numbers that fit into each."""
    cycle = itertools.cycle(numbers)
    flat = torch.tensor([next(cycle) for _ in range(math.prod(shape))], dtype=torch.float64)
    return flat.to(dtype).reshape(shape)


NUMBERS = st.lists(st.sampled_from([0.0, 1.0, 2.0, 2.00001, 3.0]), min_size=1, max_size=4)
INEXACT = st.lists(st.sampled_from([0.0, -1.5, 1e-9, math.nan, math.inf, -math.inf, 6e4]), min_size=1, max_size=4)
TENSORS = st.builds(tensor, st.sampled_from(list(DTYPES.values())), SHAPES, NUMBERS) | st.builds(
    tensor, st.sampled_from([torch.float32, torch.bfloat16, torch.complex64]), SHAPES, INEXACT
)
ARRAYS = st.builds(
    lambda dtype, shape, numbers: tensor(torch.float64, shape, numbers).numpy().astype(dtype),
    st.sampled_from(list(ARRAY_DTYPES.values())),
    SHAPES,
    NUMBERS,
)
HUGE = st.sampled_from([10**400, -(10**400), 10**400 + 1, 2**1024, 2**63, 10**31])
COMPLEX = st.sampled_from([1j, (-8) ** (1 / 3), complex(2, 0), complex(math.nan, 1), complex(math.inf, -math.inf)])
SCALARS = (
    st.none() | st.booleans() | st.integers() | HUGE | st.floats() | COMPLEX | st.text(max_size=4)
    | st.binary(max_size=4) | st.sampled_from(["\ud800", "\u202e", "\0"]) | st.sampled_from(list(DTYPES.values()))
)  # fmt: skip
KEYS = st.integers() | HUGE | st.floats() | COMPLEX | st.text(max_size=2) | st.tuples(st.integers(0, 2)) | TENSORS
WIRE = st.recursive(
    SCALARS | TENSORS | ARRAYS | st.builds(Reference, st.integers(0, 3)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=3)
        | st.builds(Fixture, st.text(max_size=3), st.tuples(inner))
    ),
    max_leaves=8,
)


def crossed(value: Any) -> Any:
    """The value as the other side reads it."""
    return decode(encode(value), resolve=lambda reference: reference)


@given(WIRE, WIRE)
@settings(max_examples=250, deadline=None)
def test_any_two_values_that_can_cross_are_compared_without_an_exception(one: Any, other: Any) -> None:
    one, other = crossed(one), crossed(other)
    for got, wanted in ((one, other), (other, one), ([one], [other]), ({"a": one}, {"a": other})):
        for rules in ALL_RULES:
            found = difference(got, wanted, rules)
            assert found is None or found.text
        picture((got, wanted), ALL_RULES[1])
        if (found := difference(got, wanted)) is not None:
            picture(found.pair, ALL_RULES[0])
        is_same(got, wanted)
        tells_much(got, [wanted])
        safe_repr(got)


@given(WIRE)
@settings(max_examples=100, deadline=None)
def test_a_value_that_can_cross_is_what_it_was(value: Any) -> None:
    value = crossed(value)
    for rules in ALL_RULES:
        assert difference(value, value, rules) is None


@pytest.mark.parametrize(
    ("got", "wanted", "text"),
    [
        (1j, 0.5, "you have a complex number, 1j, where the float 0.5 should be"),
        ((-8) ** (1 / 3), -2.0, "you have a complex number, (1"),
        (complex(2, 0), 2, "you have a complex number, (2+0j), where the int 2 should be"),
        (10**400, 0.5, "you have a whole number of 1,329 bits, it should be 0.5"),
        (-(10**400), 3, "you have a whole number of 1,329 bits, it should be 3"),
        (10**400, 10**400 + 1, "you have a whole number of 1,329 bits"),
        (torch.tensor(1j), 0.5, "you have a complex number"),
        ([1j], [0.5], "at [0] you have a complex number"),
        (torch.tensor([1j]), torch.tensor([1.0]), "your dtype is torch.complex64"),
    ],
)
def test_strange_numbers_are_told_as_what_they_are(got: Any, wanted: Any, text: str) -> None:
    for compare in (equal, close):
        with pytest.raises(Mismatch) as caught:
            compare(got, wanted)
        assert text in caught.value.message


def test_a_complex_number_is_right_where_one_is_wanted() -> None:
    equal(1 + 2j, 1 + 2j)
    close(np.complex128(1j), 1j)
    with pytest.raises(Mismatch, match="you have 2, it should be 1j"):
        equal(2, 1j)
