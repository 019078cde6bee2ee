"""What can only be seen on a GPU. Run with `pytest -m gpu`."""

import pytest
import torch

from storyteller.inference.generate import generate
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.dispatch import Experts, choose_dispatch, dispatch_grouped, dispatch_loop
from storyteller.moe.layer import build_model
from storyteller.moe.router import route_top_k
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


def test_grouped_products_have_the_gradients_of_the_loop_on_the_cpu():
    if torch.cuda.get_device_capability()[0] not in (9, 10):
        pytest.skip("this GPU has no kernel for grouped products")
    generator = torch.Generator().manual_seed(0)
    N, E, D, d_ff = 300, 4, 64, 32
    shapes = ((N, D), (E, 2 * d_ff, D), (E, D, d_ff))
    leaves = [(0.2 * torch.randn(shape, generator=generator)).bfloat16() for shape in shapes]
    gates, expert_ids = route_top_k(torch.randn(N, E, generator=generator), 2)
    expert_ids[::3, 1] = E  # dropped
    results = []
    for on_gpu in (False, True):
        x, gate_up, down = given = [
            (leaf.cuda() if on_gpu else leaf.double()).detach().requires_grad_() for leaf in leaves
        ]
        experts, ids = Experts(gate_up, down), expert_ids.to(x.device)
        if on_gpu:
            assert choose_dispatch(x, experts) is dispatch_grouped
        for _ in range(3):  # the memory that is used again is not empty
            y = (dispatch_grouped if on_gpu else dispatch_loop)(x, gates.to(x.device), ids, experts)
            gradients = torch.autograd.grad(y.double().square().sum(), given)
        results.append([part.double().cpu() for part in (y, *gradients)])
    for wanted, got in zip(*results, strict=True):
        assert (got - wanted).abs().max() <= 0.02 * wanted.abs().max()
