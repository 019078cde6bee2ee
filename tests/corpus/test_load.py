"""Corpora by name: splits, StoryWorld, what does not exist."""

import pytest
from tales import one_sentence, texts

from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.corpus.load import load_stories, split_of
from storyteller.errors import StorytellerError
from storyteller.storyworld.generate import WORLDS


def test_an_undivided_file_is_divided_the_same_way_every_time(shared_data):
    path = shared_data / "tinystories-v1-train-1000.jsonl"
    parts = {split: texts(path, split=split) for split in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == 1000
    assert {len(parts["validation"]) // 10, len(parts["test"]) // 10} <= {3, 4, 5, 6}
    assert all(split_of(text) == split for split, part in parts.items() for text in part)
    assert texts(path, split="train", limit=7) == parts["train"][:7]


@pytest.mark.parametrize(
    ("corpus", "options", "says"),
    [
        ("tinystory", {}, f"There is no corpus 'tinystory'; choose {', '.join([*WORLDS, *HUB_CORPORA])}"),
        ("missing/stories.txt", {}, "There is no file or folder"),
        ("storyworld", {"split": "dev"}, "There is no split 'dev'"),
        ("storyworld", {"limit": 0}, "limit is 0"),
        ("tinystories", {"split": "test"}, "tinystories has no split 'test'"),
    ],
)
def test_a_wrong_corpus_or_option_is_said_before_anything_is_read(corpus, options, says):
    with pytest.raises(StorytellerError) as error:
        load_stories(corpus, **options)
    assert says in one_sentence(error)


def test_storyworld_needs_nothing_and_takes_its_seed():
    stories = list(load_stories("storyworld", limit=3, seed=5))
    assert len(stories) == 3
    assert stories == list(load_stories("storyworld", limit=3, seed=5))
    assert stories != list(load_stories("storyworld", limit=3, seed=6))


def test_storyworld_can_be_limited_to_some_genres():
    stories = load_stories("storyworld:fable+everyday", limit=30)
    assert {story.genre for story in stories} == {"fable", "everyday"}
    with pytest.raises(StorytellerError, match="no genre 'opera'"):
        list(load_stories("storyworld:opera"))
