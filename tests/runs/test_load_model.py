"""A trained model out of its run's folder."""

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.runs.load import load_model
from storyteller.tokenizer import Tokenizer
from tiny_training import VOCABULARY, tiny_trainer


@pytest.fixture
def run(tmp_path):
    """A finished run with a tokenizer of its own."""
    tokenizer = Tokenizer.train(["the cat sat on the mat"] * 3, vocab_size=260)
    tokenizer.save(tmp_path / "tokenizer.json")
    options = {"model": {"vocab_size": tokenizer.vocab_size}, "tokenizer": tokenizer}
    trainer = tiny_trainer(tmp_path, **options)
    trainer.run()
    return tmp_path, trainer, tokenizer


def test_it_is_the_trained_model_with_its_tokenizer(run):
    folder, trainer, tokenizer = run
    model, loaded = load_model(folder)
    assert not model.training
    assert loaded.fingerprint == tokenizer.fingerprint
    ids = torch.arange(VOCABULARY)[None, :16]
    with torch.no_grad():
        assert torch.equal(model(ids).logits, trainer.model.eval()(ids).logits)


def test_a_tokenizer_that_does_not_fit_is_refused(run):
    folder, _, _ = run
    Tokenizer.train(["a dog dug a ditch"] * 3, vocab_size=260).save(folder / "tokenizer.json")
    with pytest.raises(StorytellerError, match="is not the tokenizer that the model was trained with"):
        load_model(folder)


def test_a_missing_model_or_tokenizer_is_one_clear_sentence(run, tmp_path):
    folder, _, _ = run
    with pytest.raises(StorytellerError, match="There is no checkpoint in"):
        load_model(tmp_path / "nowhere")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(StorytellerError, match=r"tokenizer\.json"):
        load_model(folder)
