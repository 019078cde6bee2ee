"""Products in 16 bits, weights in 32, and the probe that chooses."""

import math

import torch

from storyteller.training.mixed_precision import autocast, probe_dtype
from tiny_training import tiny_trainer


def test_weights_and_gradients_stay_in_float32_under_autocast():
    trainer = tiny_trainer(dtype="bfloat16")
    trainer.backward([next(trainer.batches)])
    trainer.update()
    assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}
    with autocast(torch.device("cpu"), "bfloat16"):
        assert trainer.model(torch.tensor([[1, 2]])).logits.dtype == torch.bfloat16


def test_float16_skips_an_update_that_overflowed_and_lowers_the_scale():
    trainer = tiny_trainer(dtype="float16")
    before = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}
    trainer.backward([next(trainer.batches)])
    next(trainer.model.parameters()).grad[0, 0] = math.inf
    scale = trainer.scaler.get_scale()
    assert trainer.update()[2]
    assert trainer.scaler.get_scale() == scale / 2
    assert all(torch.equal(before[name], parameter) for name, parameter in trainer.model.named_parameters())
    trainer.backward([next(trainer.batches)])
    assert not trainer.update()[2]


def test_the_probe_finds_a_dtype():
    assert probe_dtype("cpu", seconds=0.05) in ("float32", "bfloat16")


def test_auto_asks_the_probe(monkeypatch):
    monkeypatch.setattr("storyteller.training.trainer.probe_dtype", lambda device: "bfloat16")
    assert tiny_trainer(dtype="auto").dtype == "bfloat16"
