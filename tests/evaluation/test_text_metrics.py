"""How varied texts are, beside counts by hand and a search through every pair of places."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyteller.evaluation import text_metrics
from storyteller.evaluation.text_metrics import Copied, CopyFinder, distinct_n, repetition

WORDS = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


def longest_in_common(text: str, others: list[str]) -> int:
    """Every run of every length, looked for in every text."""
    words = text.split()
    runs = [words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
    spaced = [f" {' '.join(other.split())} " for other in others]
    return max((len(run) for run in runs if any(f" {' '.join(run)} " in other for other in spaced)), default=0)


@given(WORDS, st.lists(WORDS, max_size=5))
def test_the_longest_copied_run_is_that_of_a_search_through_all_runs(text, others):
    found = CopyFinder(others).longest(text)
    assert found.words == longest_in_common(text, others) == len(found.passage.split())
    assert found.passage in " ".join(text.split())


def test_a_whole_training_story_is_found_whole():
    stories = [f"story {i} tells of a fox and an owl number {i} in the wood" for i in range(50)]
    assert CopyFinder(stories).longest(stories[31]) == Copied(14, stories[31])


def test_no_run_goes_from_one_story_into_the_next():
    assert CopyFinder(["the fox ran", "home again"]).longest("the fox ran home again").words == 3


def test_words_that_no_training_story_has_break_a_run():
    assert CopyFinder(["a b c d"]).longest("a b zebra c d").words == 2


def test_a_run_that_is_longer_than_the_longest_counts_as_that(monkeypatch):
    monkeypatch.setattr(text_metrics, "MAX_RUN_WORDS", 8)
    text = " ".join(str(i) for i in range(30))
    assert CopyFinder([text]).longest(text).words == 8


def test_without_training_stories_nothing_is_copied():
    assert CopyFinder([]).longest("a b c") == Copied(0, "")
    assert CopyFinder(["", "a"]).longest("") == Copied(0, "")


def test_distinct_n_counts_over_all_texts_together():
    assert distinct_n(["a b a b"], 1) == 0.5
    assert distinct_n(["a b", "a b"], 2) == 0.5
    assert math.isnan(distinct_n(["a"], 2))


@pytest.mark.parametrize(("text", "share"), [("a b c d e", 0.0), ("a b a b a b", 1 - 2 / 5), ("a", 0.0), ("", 0.0)])
def test_repetition_is_the_share_of_pairs_that_stood_there_before(text, share):
    assert repetition(text, 2) == pytest.approx(share)
