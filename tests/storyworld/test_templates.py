"""Phrasings: choices, slots, steps, brackets that do not match."""

import pytest

from storyteller.errors import StorytellerError
from storyteller.storyworld.templates import Choice, Slot, parse_pool, parse_steps


def test_a_pool_splits_at_lines_and_bars_outside_brackets() -> None:
    pool = parse_pool("[a|b] c|d\n<hero is child> {He} sat.\n-", "here")
    assert len(pool.phrasings) == 4
    assert pool.guards == ("", "", "hero is child", "")
    assert isinstance(pool.phrasings[0][0], Choice)
    assert pool.phrasings[2][0] == Slot(("he",), True)
    assert pool.phrasings[3] == ()


def test_blank_lines_divide_steps() -> None:
    assert [len(step.phrasings) for step in parse_steps("one\ntwo\n\n\nthree", "here")] == [2, 1]


@pytest.mark.parametrize("text", ["[a|b", "a]", "{hero", "hero}", "{}", "a [b {c] d}"])
def test_brackets_that_do_not_match_are_named(text: str) -> None:
    with pytest.raises(StorytellerError, match="here"):
        parse_pool(text, "here")
