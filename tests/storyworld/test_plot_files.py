"""Plots: names, and faults that are named."""

import re
from pathlib import Path

import pytest

from storyteller.errors import StorytellerError
from storyteller.storyworld.lexicon import lexicon
from storyteller.storyworld.plot_files import genres, read_genre


def test_plots_have_different_names() -> None:
    names = [plot.name for folder in ("genres", "tales") for plots in genres(folder).values() for plot in plots]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)


PLOT = """
genre = "test"
[plot]
people = { hero = "rabbit" }
things = { thing = "kite" }
places = { home = "pond" }
prompt = "A rabbit."
beats = ["opening"]
[plot.opening]
tell = "There was {hero.new}."
do = ["hero has thing"]
ending = "happy"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"rabbit"', '"rabit"', "no kind or group"),
        ('"kite"', '"kyte"', "no object or group"),
        ('"pond"', '"pnd"', "no place or group"),
        ('["opening"]', '["opening", "ending"]', "no table of that name"),
        ("hero has thing", "hero eats thing", "is no effect"),
        ("hero has thing", "hero has gold", "needs the role of an object"),
        ('ending = "happy"', 'ending = "merry"', "it must be"),
        ('ending = "happy"', "", "the last beat"),
        ("ending =", "end =", "unknown key 'end'"),
        ('genre = "test"', "", "needs the key 'genre'"),
        ('genre = "test"', "genre = ", "not valid TOML"),
        ("{hero.new}", "{hero.new", "do not match"),
    ],
)
def test_a_fault_in_a_genre_file_names_the_file_and_the_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "test.toml"
    path.write_text(PLOT, encoding="utf-8")
    assert len(read_genre(path, lexicon())) == 1
    path.write_text(PLOT.replace(old, new), encoding="utf-8")
    with pytest.raises(StorytellerError, match=re.escape(message)) as caught:
        read_genre(path, lexicon())
    assert "test.toml" in str(caught.value)
