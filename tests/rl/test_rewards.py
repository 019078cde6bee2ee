"""Rewards: each beside what a reader would say of short stories."""

import pytest

from storyteller.errors import StorytellerError
from storyteller.evaluation.text_metrics import CopyFinder, distinct_n
from storyteller.rl.rewards import (
    OF_TRAINING,
    REWARDS,
    Told,
    asked_for,
    consistency,
    distinctness,
    first_fault,
    length,
    not_copied,
    novelty,
    total_rewards,
    wish,
)
from storyteller.storyworld import generate

GOOD = "A fox named Pip had a red kite. He flew the red kite."
BAD = "A fox named Pip had a red kite. He flew the blue kite."


def told(*texts: str, group: int = 0, ended: bool = True, **more) -> list[Told]:
    return [Told(opening="", text=text, ended=ended, group=group, **more) for text in texts]


def test_only_a_story_that_ends_without_a_contradiction_is_consistent():
    assert consistency(told(GOOD, BAD, "Blue the and.")) == [1.0, 0.0, 0.0]
    assert consistency(told(GOOD, ended=False)) == [0.0]
    [spaced] = told(GOOD.replace(". ", ".\n\n\n", 1))  # an empty paragraph
    assert consistency([spaced]) == [0.0]
    begins, ends = first_fault(spaced)
    assert spaced.text[begins:ends] == "\n\n\n"


def test_a_story_that_ends_in_mid_sentence_or_repeats_itself_is_not_consistent():
    twice = GOOD + " He flew the red kite."
    assert consistency(told("A fox named Pip had a red kite. He flew the", twice)) == [0.0, 0.0]
    begins, ends = first_fault(told(twice)[0])
    assert (begins, twice[begins:ends]) == (len(GOOD) + 1, "He flew the red kite.")


def test_a_story_without_an_end_is_wrong_as_a_whole():
    assert first_fault(told(BAD)[0]) is not None
    assert first_fault(told(BAD, ended=False)[0]) is None


def test_a_story_of_the_corpus_fulfils_its_own_prompt_and_not_that_of_another():
    stories = list(generate(40, seed=3, world="storyworld-tales-small"))
    own = [Told(opening=s.prompt, text=s.text, ended=True, group=0, facts=s.facts) for s in stories]
    assert sum(wish(own)) / len(own) > 0.95
    other = [
        Told(opening=s.prompt, text=t.text, ended=True, group=0, facts=s.facts)
        for s, t in zip(stories, stories[1:] + stories[:1], strict=True)
    ]
    assert sum(wish(other)) / len(other) < 0.7
    assert any(list(asked_for(s.prompt, s.facts)) for s in stories)


def test_a_wish_counts_whole_words_and_the_mark_of_an_object():
    facts = {"people": [{"kind": "fox"}], "things": [{"noun": "kite", "mark": "red"}]}
    stories = [
        Told(opening="A fox has a red kite.", text=text, ended=True, group=0, facts=facts)
        for text in ('The fox\'s "red kite" flew.', "The fox had a blue kite.", "Foxes have red kites.")
    ]
    assert wish(stories) == [1.0, 0.5, 0.0]
    with pytest.raises(StorytellerError, match="needs prompts with facts"):
        wish(told(GOOD))


def test_short_and_long_stories_earn_less():
    assert length(told("a " * 10, "a " * 30, "a " * 80, ""), low=20, high=40) == [0.5, 1.0, 0.5, 0.05]


def test_a_story_that_repeats_itself_is_less_distinct():
    assert distinctness(told("a b c d e f g", "a b c d a b c d a b c d")) == [1.0, pytest.approx(4 / 9)]


def test_novelty_is_what_a_story_shares_with_no_other_of_its_group():
    stories = [*told("a b c d e", "a b c d f"), *told("a b c d e", group=1)]
    assert novelty(stories) == [0.75, 0.75, 1.0]
    assert novelty(told("a b c d e", "a b c d e", "v w x y z")) == [0.5, 0.5, 1.0]
    assert novelty(told("a b")) == [0.0]


def test_the_mean_novelty_of_stories_of_one_length_is_their_distinct_4():
    texts = ["a b c d e f", "a b c d x y", "x a b c d e"]
    assert sum(novelty(told(*texts))) / 3 == pytest.approx(distinct_n(texts, 4))


def test_what_is_copied_earns_less():
    reward = not_copied(CopyFinder(["once the old fox ran home"]))
    assert reward(told("and the old fox slept here", "a b c")) == [pytest.approx(0.5), 1.0]


def test_pairs_of_words_that_no_training_story_has_earn_less():
    texts = ["the old fox ran home", "a fox slept"]
    assert OF_TRAINING["known_pairs"](texts)(told("the old fox slept", "fox old", "fox")) == [1.0, 0.0, 0.0]
    assert OF_TRAINING["known_pairs"](texts)(told("the old fox flew home")) == [0.5]


def test_terms_are_added_up_and_length_and_novelty_are_factors():
    terms = {"one": (lambda stories: [1.0, 2.0], 2.0), "two": (lambda stories: [0.0, 1.0], -1.0)}
    stories = told("a b c d e", "a b c d f")
    assert total_rewards(stories, terms) == [2.0, 3.0]
    assert total_rewards(stories, terms, novelty_weight=2.0) == [2.0 * 2.5, 3.0 * 2.5]
    assert total_rewards(stories, terms, min_words=10) == [1.0, 1.5]


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan")], [float("inf"), 0.0]])
def test_a_reward_that_is_no_number_a_story_is_refused(values):
    with pytest.raises(StorytellerError, match="'mine' must give one finite number for each of 2"):
        total_rewards(told(GOOD, BAD), {"mine": (lambda stories: values, 1.0)})


def test_every_reward_gives_a_number_for_an_empty_story():
    for name, reward in REWARDS.items():
        facts = {"people": [], "things": []}
        assert len(reward(told("", facts=facts))) == 1, name
