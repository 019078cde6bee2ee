"""Duplicates, exact and near, as `clean` drops them."""

from test_clean import TALE, cleaned


def test_a_near_duplicate_is_dropped_and_a_different_story_is_not():
    long = " ".join(f"word{i} and then" for i in range(100)) + " the end."
    kept, report = cleaned(long, long.replace("word50 ", "other "), TALE)
    assert kept == [long, TALE]
    assert report.dropped == {"near duplicate": 1}


def test_near_duplicates_can_be_kept():
    long = " ".join(f"word{i} and then" for i in range(100)) + " the end."
    assert len(cleaned(long, long.replace("word50 ", "other "), near_duplicates=False)[0]) == 2


def test_duplicates_are_remembered_only_within_the_windows():
    stories = [f"{TALE} It happened in the year {number} of the good king." for number in range(6)]
    kept, _ = cleaned(*stories, stories[0], stories[5], near_duplicates=False, exact_window=3)
    assert kept == [*stories, stories[0]]
