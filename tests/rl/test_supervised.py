"""Prompts and their stories: what is read, what is learned, and the place in them."""

import pytest
import torch

from small_policy import tokenizer
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.rl.supervised import Pair, PairBatches, as_opening, encode_pairs, supervised_batch, supervised_row
from storyteller.training.token_shards.writing import training_text

STORIES = [
    Story("the owl sat", prompt="tell of\nthe owl"),
    Story("the fox went away"),
    Story("the rain", prompt="rain"),
]


def test_a_row_is_the_text_that_training_on_prompts_has_and_only_the_story_is_a_target():
    for story, pair in zip(STORIES, encode_pairs(STORIES, tokenizer(), max_seq_len=99), strict=True):
        inputs, targets = supervised_row(*pair, end_id=tokenizer().end_id)
        assert tokenizer().decode(inputs[1:]) == training_text(story, prompts=True)
        learned = [target for target in targets if target != -100]
        assert tokenizer().decode(learned, skip_special=True) == story.text
        assert learned[-1] == tokenizer().end_id
        assert len(inputs) == len(targets)
        shifted = [*inputs[1:], tokenizer().end_id]
        assert all(target in (-100, ahead) for target, ahead in zip(targets, shifted, strict=True))
        assert targets.count(-100) == len(pair.prompt)


def test_what_is_learned_follows_what_a_user_types():
    pair = encode_pairs(STORIES[:1], tokenizer(), max_seq_len=99)[0]
    assert tokenizer().encode(as_opening(STORIES[0].prompt)) == pair.prompt


def test_a_batch_is_padded_behind_and_cut_at_the_context():
    batch = supervised_batch([Pair([5], [6, 7, 8]), Pair([], [9])], end_id=0, seq_len=4)
    assert batch.inputs.tolist() == [[0, 5, 6, 7], [0, 9, 0, 0]]
    assert batch.targets.tolist() == [[-100, 6, 7, 8], [9, 0, -100, -100]]
    assert batch.document_ids.tolist() == [[0, 0, 0, 0], [1, 1, -1, -1]]


def test_prompts_that_leave_no_room_are_left_out():
    long = Story("the owl", prompt="the owl " * 50)
    assert len(encode_pairs([long, *STORIES], tokenizer(), max_seq_len=60)) == 3
    with pytest.raises(StorytellerError, match="None of 1 stories"):
        encode_pairs([long], tokenizer(), max_seq_len=60)


def test_every_pair_comes_once_in_an_epoch_and_the_place_can_be_saved():
    pairs = [Pair([], [number]) for number in range(1, 8)]
    batches = PairBatches(pairs, batch_size=3, seq_len=9, end_id=0, seed=4)
    given = torch.cat([next(batches).targets[:, 0] for _ in range(7)]).tolist()  # three epochs
    for epoch in range(3):
        assert sorted(given[epoch * 7 : epoch * 7 + 7]) == list(range(1, 8))
    assert given[:7] != given[7:14]
    again = PairBatches(pairs, batch_size=3, seq_len=9, end_id=0, seed=4)
    next(again)
    place = again.state_dict()
    other = PairBatches(pairs, batch_size=3, seq_len=9, end_id=0, seed=4)
    other.load_state_dict(place)
    assert next(other).targets[:, 0].tolist() == given[3:6]
    for wrong in ({"pairs": 6, "seed": 4}, {"pairs": 7, "seed": 5}, {"sequences": 7}):
        with pytest.raises(StorytellerError, match="The checkpoint was made with"):
            other.load_state_dict({"position": 0, **wrong})
