"""What can only be seen on a GPU. Run with `pytest -m gpu`."""

import pytest
import torch

from storyteller.inference.generate import generate
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.training.events import StepDone
from storyteller.training.step_timing import candidate_dtypes
from tiny_training import tiny_model_config, tiny_trainer

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_loss_falls_in_every_dtype(dtype):
    losses = []
    note = lambda event: losses.append(event.loss) if isinstance(event, StepDone) else None  # noqa: E731
    tiny_trainer(steps=60, dtype=dtype, learning_rate=1e-2, device="cuda", on_event=note).run()
    assert sum(losses[-10:]) < 0.96 * sum(losses[:10])


def test_the_probe_needs_no_trial():
    assert candidate_dtypes(torch.device("cuda"))[0] in ("bfloat16", "float16")


def test_greedy_tokens_are_those_of_the_cpu():
    model = build_model(tiny_model_config(init_std=0.3), seed=1).eval()
    sampling = Sampling(greedy=True, max_new_tokens=10)
    on_cpu = generate(model, [[1, 2], [3, 4, 5]], sampling=sampling)
    assert generate(model.cuda(), [[1, 2], [3, 4, 5]], sampling=sampling) == on_cpu
