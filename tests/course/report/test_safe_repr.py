"""Values as short, harmless text."""

from typing import Any

import pytest

from storyteller_course.report.safe_repr import clean, safe_repr


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([1.0, 2.5], "[1, 2.5]"),
        ((1,), "(1,)"),
        (set(), "set()"),
        ({"b", "a"}, "{'a', 'b'}"),
        ({"a": None}, "{'a': None}"),
        (b"a\x00", "b'a\\x00'"),
        ("a\nb", "'a\\nb'"),
        (object(), "<object>"),
        (10**40, "a whole number of 133 bits"),
        ([[[[[[[[1]]]]]]]], "[[[[[[[...]]]]]]]"),
        (list(range(30)), "[" + ", ".join(map(str, range(24))) + ", ... 6 more]"),
    ],
)
def test_values_are_shown_in_short(value: Any, shown: str) -> None:
    assert safe_repr(value) == shown


def test_cleaning_keeps_emoji_and_drops_control() -> None:
    assert clean("👩\u200d🚀 é\x07\u2066") == "👩\u200d🚀 é\\x07\\u2066"
    assert clean("a" * 700).startswith("a" * 600 + " ... (100 more)")
