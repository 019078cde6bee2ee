"""A checkpoint of a model whose parts were replaced is refused by whoever does not replace them too."""

from functools import partial

import pytest
import torch
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.moe.router import route_top_k
from storyteller.runs.load import load_model
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import TrainingBatches
from storyteller.training.checkpoint import load_checkpoint
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import RMSNorm
from tiny_training import SEQ_LEN, tiny_model_config, tiny_source, tiny_train_config


def route_worst(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Another router: the k worst experts."""
    return route_top_k(-logits, k)


def trained(folder, **parts):
    config = tiny_train_config(steps=2)
    batches = TrainingBatches(tiny_source(), batch_size=config.batch_size, seq_len=SEQ_LEN, seed=config.seed)
    trainer = Trainer(build_model(tiny_model_config(), seed=1, **parts), config, batches, folder=folder)
    trainer.resume()
    trainer.run()
    Tokenizer.train(["a story"], vocab_size=257).save(folder / "tokenizer.json")
    return trainer.model.eval()


def test_a_model_with_its_own_router_is_loaded_with_that_router_only(tmp_path):
    model = trained(tmp_path, route=route_worst)
    assert load_checkpoint(tmp_path).values["replaced_parts"] == ["route"]
    with pytest.raises(StorytellerError, match=r"its own \(route\), and .* the library's parts: build it of the same"):
        load_model(tmp_path)
    with pytest.raises(StorytellerError, match=r"built of parts of its own \(norm, route\)"):
        load_model(tmp_path, build=partial(build_model, route=route_worst, norm=lambda width, eps: RMSNorm(width)))
    loaded, _ = load_model(tmp_path, build=partial(build_model, route=route_worst))
    ids = torch.arange(9)[None]
    assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_a_run_does_not_go_on_with_other_parts_than_it_began_with(tmp_path):
    trained(tmp_path)
    with pytest.raises(StorytellerError, match=r"trained with the library's parts, and .* parts of its own \(route\)"):
        trained(tmp_path, route=route_worst)


def test_parts_that_are_stated_to_be_equivalent_leave_a_checkpoint_that_everyone_loads(tmp_path):
    def route_likewise(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
        return route_top_k(logits, k)

    model = trained(tmp_path, route=route_likewise, equivalent=True)
    loaded, _ = load_model(tmp_path)
    ids = torch.arange(9)[None]
    assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_a_checkpoint_of_before_parts_were_noted_has_the_librarys(tmp_path):
    trained(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.values.pop("replaced_parts") == []
    trainer = Trainer(
        build_model(tiny_model_config(), seed=2),
        tiny_train_config(steps=2),
        TrainingBatches(tiny_source(), batch_size=2, seq_len=SEQ_LEN, seed=1),
    )
    trainer.load_state_dict(checkpoint)


def test_a_run_does_not_go_on_with_another_router(tmp_path):
    trained(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    del checkpoint.values["model_config"]["router"]  # as an older version wrote it
    batches = TrainingBatches(tiny_source(), batch_size=2, seq_len=SEQ_LEN, seed=1)
    trainer = Trainer(build_model(tiny_model_config(router="sigmoid"), seed=1), tiny_train_config(steps=2), batches)
    with pytest.raises(StorytellerError, match="run's model has router softmax, this one sigmoid"):
        trainer.load_state_dict(checkpoint)
