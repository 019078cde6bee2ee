"""A damaged file about the time of training is refused before anything is trained."""

import pytest

from storyteller.errors import StorytellerError
from storyteller.runs.training_time import TIME_FILE, timing, training_seconds
from tiny_training import tiny_trainer


@pytest.mark.parametrize("content", ["{", "3", '[{"from": 0}]', "[0]"])
def test_a_damaged_file_is_one_sentence_before_the_training(tmp_path, content):
    (tmp_path / TIME_FILE).write_text(content)
    trainer = tiny_trainer()
    with pytest.raises(StorytellerError, match=rf"{TIME_FILE} .*delete it"), timing(trainer, tmp_path):
        trainer.train_step()
    assert trainer.step == 0
    with pytest.raises(StorytellerError, match="delete it"):
        training_seconds(tmp_path, step=1)


def test_sittings_that_join_are_added_up(tmp_path):
    trainer = tiny_trainer()
    for _ in range(2):
        with timing(trainer, tmp_path):
            trainer.train_step()
    assert training_seconds(tmp_path, step=3) is None
    (tmp_path / TIME_FILE).write_text('[{"from": 0, "to": 1, "seconds": 2.5}, {"from": 1, "to": 2, "seconds": 3.5}]')
    assert training_seconds(tmp_path, step=2) == 6.0
    assert training_seconds(tmp_path, step=1) == 2.5


def test_a_training_too_short_to_measure_took_no_time_and_is_known(tmp_path):
    (tmp_path / TIME_FILE).write_text('[{"from": 0, "to": 1, "seconds": 0.0}]')
    assert training_seconds(tmp_path, step=1) == 0.0
    assert training_seconds(tmp_path, step=0) is None
