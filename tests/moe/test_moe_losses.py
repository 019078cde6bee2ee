import math

import pytest
import torch
from torch import Tensor

from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.moe.router import route_top_k
from storyteller.moe.statistics import router_statistics


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chosen(logits: Tensor, k: int = 2) -> tuple[Tensor, Tensor]:
    """The router's probabilities, and the experts that it chooses."""
    return logits.softmax(-1), route_top_k(logits, k)[1]


def test_a_balanced_router_has_a_balance_loss_of_k():
    logits = torch.tensor([[9.0, 9, 0, 0], [0, 0, 9, 9], [9, 0, 0, 9], [0, 9, 9, 0]])
    assert load_balancing_loss(*chosen(logits)).item() == pytest.approx(2.0)


def test_a_router_that_prefers_one_pair_of_experts_has_a_balance_loss_of_e():
    logits = torch.tensor([[30.0, 30, 0, 0]]).repeat(6, 1)
    assert load_balancing_loss(*chosen(logits)).item() == pytest.approx(4.0)


def test_descending_the_balance_loss_balances_the_load():
    logits = normal(200, 4) * 0.1 + torch.tensor([2.0, 0, 0, 0])
    bias = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    for _ in range(400):
        (gradient,) = torch.autograd.grad(load_balancing_loss(*chosen(logits + bias)), bias)
        bias = (bias - 0.1 * gradient).detach().requires_grad_()
    assert router_statistics(*chosen(logits))["max_load"] == pytest.approx(2.0, abs=0.01)
    assert router_statistics(*chosen(logits + bias))["max_load"] < 1.2


def test_z_loss_equals_its_formula():
    logits = normal(7, 4)
    wanted = sum(math.log(sum(math.exp(z) for z in row)) ** 2 for row in logits.tolist()) / 7
    assert router_z_loss(logits).item() == pytest.approx(wanted)


def test_padding_is_left_out_of_the_losses():
    logits, mask = normal(12, 4), torch.tensor([[False] * 2 + [True] * 4, [True] * 6])
    kept = logits[mask.flatten()]
    torch.testing.assert_close(
        load_balancing_loss(*chosen(logits), attention_mask=mask), load_balancing_loss(*chosen(kept))
    )
    torch.testing.assert_close(router_z_loss(logits, attention_mask=mask), router_z_loss(kept))


def test_the_load_of_a_larger_batch_makes_the_losses_of_its_parts_add_up_to_its_own():
    probs = torch.rand(12, 4, generator=torch.Generator().manual_seed(3)).softmax(dim=-1)
    expert_ids = probs.topk(2).indices
    load = torch.bincount(expert_ids.flatten(), minlength=4) / 12
    parts = [
        len(rows) / 12 * load_balancing_loss(probs[rows], expert_ids[rows], load=load)
        for rows in torch.arange(12).split([5, 7])
    ]
    torch.testing.assert_close(sum(parts), load_balancing_loss(probs, expert_ids))
    alone = 5 / 12 * load_balancing_loss(probs[:5], expert_ids[:5])
    alone += 7 / 12 * load_balancing_loss(probs[5:], expert_ids[5:])
    assert abs(alone - load_balancing_loss(probs, expert_ids)) > 1e-3
