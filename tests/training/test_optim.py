"""Decay groups, schedule and clipping, beside PyTorch's."""

import math

import pytest
import torch
from torch import nn

from storyteller.moe.layer import build_model
from storyteller.training.optim import clip_gradients, clip_without_waiting, cosine_schedule, parameter_groups
from tiny_training import tiny_model_config


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


class TestParameterGroups:
    def test_matrices_decay_and_vectors_do_not(self):
        model = build_model(tiny_model_config(), seed=1)
        decay, rest = parameter_groups(model, 0.1)
        assert (decay["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        assert all("norm" in names[id(parameter)] for parameter in rest["params"])
        assert not any("norm" in names[id(parameter)] for parameter in decay["params"])

    @pytest.mark.parametrize("tied", [True, False])
    def test_every_parameter_is_there_once_and_a_tied_one_too(self, tied):
        model = build_model(tiny_model_config(tie_embeddings=tied), seed=1)
        ids = [id(parameter) for group in parameter_groups(model, 0.1) for parameter in group["params"]]
        assert len(ids) == len(set(ids))
        assert set(ids) == {id(parameter) for parameter in model.parameters()}

    def test_a_weight_shared_by_two_layers_counts_once(self):
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        model[1].weight = model[0].weight
        assert [len(group["params"]) for group in parameter_groups(model, 0.1)] == [1, 2]

    def test_a_frozen_parameter_is_left_out(self):
        model = nn.Linear(3, 3)
        model.bias.requires_grad_(False)
        assert [len(group["params"]) for group in parameter_groups(model, 0.1)] == [1, 0]


class TestSchedule:
    def test_the_rate_climbs_in_a_straight_line(self):
        rates = [cosine_schedule(step, steps=100, warmup=10, min_lr_ratio=0.1) for step in range(10)]
        assert rates == pytest.approx([(step + 1) / 10 for step in range(10)])

    def test_then_it_falls_along_half_a_cosine_to_the_final_share(self):
        def rate(step: int) -> float:
            return cosine_schedule(step, steps=110, warmup=10, min_lr_ratio=0.2)

        assert rate(9) == 1
        assert rate(59) == pytest.approx(0.6)  # half way
        assert rate(109) == pytest.approx(0.2)
        assert rate(34) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4)))
        assert all(rate(step) > rate(step + 1) for step in range(9, 109))

    def test_it_equals_pytorch_without_warmup(self):
        parameter = nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.1)
        for step in range(20):
            optimizer.step()
            theirs.step()
            assert cosine_schedule(step, steps=20, warmup=0, min_lr_ratio=0.1) == pytest.approx(theirs.get_last_lr()[0])

    def test_a_run_that_is_all_warmup_or_one_step_long_works(self):
        assert cosine_schedule(0, steps=1, warmup=0, min_lr_ratio=0.1) == pytest.approx(0.1)
        assert cosine_schedule(4, steps=5, warmup=5, min_lr_ratio=0.1) == 1


class TestClipping:
    @pytest.mark.parametrize("max_norm", [0.01, 1.0, 1e6])
    def test_it_equals_pytorch(self, max_norm):
        ours, theirs = (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)).double() for _ in range(2))
        theirs.load_state_dict(ours.state_dict())
        x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        for model in (ours, theirs):
            model(x).square().sum().backward()
        norm, clipped = clip_gradients([parameter.grad for parameter in ours.parameters()], max_norm)
        for parameter, gradient in zip(ours.parameters(), clipped, strict=True):
            parameter.grad = gradient
        assert norm.item() == pytest.approx(nn.utils.clip_grad_norm_(theirs.parameters(), max_norm).item(), rel=1e-12)
        for name, gradient in gradients(theirs).items():
            torch.testing.assert_close(
                gradients(ours)[name], gradient, rtol=1e-4, atol=0
            )  # theirs divides by norm + 1e-6

    def test_the_clipped_gradient_has_exactly_that_norm(self):
        norm, (clipped,) = clip_gradients([torch.tensor([3.0, 4.0, 12.0])], 1.3)
        assert norm.item() == 13
        torch.testing.assert_close(clipped, torch.tensor([0.3, 0.4, 1.2]))

    @pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e3, 1e30, math.inf, math.nan, 0.0])
    def test_without_waiting_it_is_the_same_to_the_last_bit(self, scale):
        normal = torch.randn(50, generator=torch.Generator().manual_seed(1))
        gradients = [normal[:7] * scale, normal[7:].view(-1, 1)]
        if scale == 0.0:
            gradients = [torch.zeros(3), torch.zeros(2, 2)]
        for max_norm in (1.0, 1e4):
            (norm, wanted), (own, got) = clip_gradients(gradients, max_norm), clip_without_waiting(gradients, max_norm)
            torch.testing.assert_close(own, norm, rtol=0, atol=0, equal_nan=True)
            for ours, theirs in zip(got, wanted, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)

    def test_a_gradient_that_is_not_finite_is_reported_and_left(self):
        norm, (clipped,) = clip_gradients([torch.tensor([1.0, math.inf])], 1.0)
        assert not math.isfinite(norm)
        assert clipped.tolist() == [1.0, math.inf]
