import itertools
import lzma

import pytest

from storyteller.storyworld import generate
from storyteller.storyworld.richness import richness


def test_the_measures_of_a_text_counted_by_hand() -> None:
    measured = richness(["a b c d a b c d e"])
    assert measured.words == 5
    assert measured.four_grams == 5 / 6  # abcd bcda cdab dabc abcd bcde
    assert measured.bytes == len("a b c d a b c d e\n\n")


def test_xz_is_the_library_s_own() -> None:
    text = "".join(map(str, itertools.accumulate(range(500))))
    data = text.encode() + b"\n\n"
    assert richness([text]).xz == len(lzma.compress(data, preset=9)) / len(data)


@pytest.mark.slow
def test_a_megabyte_of_stories_is_rich() -> None:
    measured = richness(story.text for story in generate(3000, seed=7))
    assert measured.bytes == 1_000_000
    assert measured.words >= 3000
    assert measured.xz >= 0.16
    assert measured.four_grams >= 0.60
