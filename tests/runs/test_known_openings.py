"""How the stories begin that a model has read, and what is said of an opening that begins otherwise."""

import pytest

from storyteller.corpus import load_stories
from storyteller.errors import StorytellerError
from storyteller.inference.generation_config import read_sampling
from storyteller.inference.sampling_options import STORY_SAMPLING
from storyteller.runs.openings import FILE_NAME, KnownOpenings, beginnings, find_openings
from storyteller.runs.pipeline import prepare
from tiny_training import PLAN

STORIES = ["Once a fox found a plum."] * 3 + ["Once a fox found a pear."] * 2
STORIES += ["The owl asked for tea and got it."] * 4
STORIES += ["Once an owl sat there, still.", "Too short", "A\n\nline breaks here and there.", ""]


def test_the_commonest_come_first_and_begin_differently():
    known = find_openings(STORIES)
    assert known.commonest[:3] == ("Once a fox found", "The owl asked for", "Once an owl sat")
    assert known.first_words == {"Once a fox", "The owl asked", "Once an owl", "Too short", "A line breaks"}


@pytest.mark.parametrize(
    ("opening", "is_known"),
    [
        ("", True),
        ("  ", True),
        ("On", True),
        ("Once a", True),
        ("Once a fox", True),
        ("Once a fox ", True),
        ("Once a fox flew to the moon", True),
        ("A\nline breaks", True),
        ("once a fox", False),
        ("Once a foxglove grew", False),
        ("Twice", False),
        ("Too short to be true", False),
    ],
)
def test_an_opening_is_known_by_its_first_words(opening, is_known):
    known = find_openings(STORIES)
    assert known.knows(opening) is is_known
    note = known.note(opening)
    assert bool(note) is not is_known
    if note:
        assert note.startswith('This model has read stories that begin like "Once a fox found", "The owl asked for", ')
        assert len(note.splitlines()) == 1


def test_of_an_old_run_nothing_is_said(tmp_path):
    known = KnownOpenings.load(tmp_path)
    assert known == KnownOpenings()
    assert known.note("asdf") == ""


def test_a_damaged_file_is_one_sentence(tmp_path):
    for content in ("{", "[]", '{"commonest": []}'):
        (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")
        with pytest.raises(StorytellerError, match=r"openings\.json cannot be read"):
            KnownOpenings.load(tmp_path)


def test_a_run_keeps_how_its_stories_begin_and_how_they_are_told(tmp_path):
    data = prepare(PLAN, tmp_path, notice=lambda text: None)
    wanted = find_openings(story.text for story in load_stories(PLAN.corpus, limit=PLAN.stories))
    assert KnownOpenings.load(tmp_path) == wanted == find_openings(beginnings(data.train, data.tokenizer))
    assert read_sampling(tmp_path) == STORY_SAMPLING


def test_nearly_every_held_out_tale_begins_as_a_training_tale_does():
    known = find_openings(story.text for story in load_stories("storyworld-tales-small", limit=6_000))
    held_out = [story.text for story in load_stories("storyworld-tales-small", split="validation", limit=300)]
    assert sum(map(known.knows, held_out)) >= 0.95 * len(held_out)


def test_stories_of_few_words_say_nothing_of_how_stories_begin():
    known = find_openings(["a fox ran", "一只狐狸跑了。"])
    assert known.commonest == ()
    assert known.knows("an owl flew away at night")
    assert known.note("an owl flew away at night") == ""
