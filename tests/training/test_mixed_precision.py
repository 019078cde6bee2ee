"""Products in 16 bits, weights in 32; numbers that are too small."""

import math

import pytest
import torch

from storyteller.training.losses import cross_entropy
from storyteller.training.mixed_precision import autocast, flush_denormals
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


def test_denormals_are_flushed_within_and_not_after():
    tiny = torch.tensor([1e-40])
    assert (tiny * 0.5).item() != 0
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot flush denormal numbers")
    with flush_denormals():
        assert (tiny * 0.5).item() == 0
        with flush_denormals():
            pass
        assert (tiny * 0.5).item() == 0
    assert (tiny * 0.5).item() != 0


@pytest.mark.parametrize("parallel_microbatches", [1, 2])
def test_a_run_flushes_denormals_on_each_of_its_threads(parallel_microbatches):
    seen = []

    def loss(logits, targets):
        seen.append((torch.tensor([1e-40]) * 0.5).item())
        return cross_entropy(logits, targets)

    tiny_trainer(
        steps=1, grad_accum_steps=2, loss=loss, parallel_microbatches=parallel_microbatches, validation=[]
    ).run()
    assert seen == [0.0, 0.0]
