import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from slow_forms import dispatch_by_loop
from storyteller.config import ModelConfig
from storyteller.moe.layer import (
    MoELayer,
    Router,
    Routing,
    build_model,
    load_balancing_loss,
    route_top_k,
    router_statistics,
    router_z_loss,
)

CONFIG = ModelConfig(
    vocab_size=31,
    max_seq_len=16,
    d_model=8,
    n_layers=2,
    n_heads=2,
    n_kv_heads=1,
    d_ff=6,
    n_experts=4,
    top_k=2,
    init_std=0.5,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def routing_of(logits: Tensor, k: int = 2) -> Routing:
    return Routing(logits, logits.softmax(-1), *route_top_k(logits, k), torch.tensor(0))


def test_route_top_k_is_a_softmax_over_all_cut_to_k_and_renormalised():
    logits = normal(20, 6)
    weights, experts = route_top_k(logits, 3)
    probs, wanted = logits.softmax(-1).topk(3, dim=-1)
    torch.testing.assert_close(weights, probs / probs.sum(-1, keepdim=True))
    assert torch.equal(experts, wanted)


def test_the_router_runs_in_float32_under_autocast():
    router, x = Router(CONFIG), normal(5, 8).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = router(x)
    torch.testing.assert_close(logits, x @ router.weight.T, rtol=1e-6, atol=1e-6)
    assert router.bfloat16()(x.bfloat16()).dtype == torch.float32


def test_the_moe_layer_equals_its_formula():
    layer = MoELayer(CONFIG).double()
    x = normal(2, 5, 8)
    y, routing = layer(x)
    for token, answer in zip(x.flatten(0, 1), y.flatten(0, 1), strict=True):
        probs, chosen = (layer.router.weight @ token).softmax(-1).topk(2)
        wanted = torch.zeros(8, dtype=torch.float64)
        for p, e in zip(probs / probs.sum(), chosen.tolist(), strict=True):
            gate, up = (layer.gate_up[e] @ token).chunk(2)
            wanted = wanted + p * (layer.down[e] @ (F.silu(gate) * up))
        torch.testing.assert_close(answer, wanted)
    assert routing.logits.shape == routing.probs.shape == (10, 4)
    assert routing.weights.shape == routing.experts.shape == (10, 2)
    assert routing.dropped == 0


def test_the_moe_layers_gradients_pass_gradcheck():
    layer = MoELayer(CONFIG).double()
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, routing = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))
        return y, load_balancing_loss(routing), router_z_loss(routing)

    inputs = [normal(1, 4, 8).requires_grad_(), *(p.detach().clone().requires_grad_() for p in layer.parameters())]
    assert torch.autograd.gradcheck(run, inputs)


def test_the_model_runs_the_parts_it_is_given():
    calls = []

    def route(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
        calls.append("route")
        return route_top_k(logits, k)

    def dispatch(x: Tensor, weights: Tensor, experts: Tensor, run) -> Tensor:
        calls.append("dispatch")
        return dispatch_by_loop(x, weights, experts, run)

    ids = torch.arange(10)[None]
    own = build_model(CONFIG, seed=1, route=route, dispatch=dispatch).double()
    torch.testing.assert_close(own(ids).logits, build_model(CONFIG, seed=1).double()(ids).logits)
    assert calls == ["route", "dispatch"] * 2


def test_a_full_expert_drops_and_counts_in_training_only():
    layer = MoELayer(replace(CONFIG, capacity_factor=0.5)).double()
    free = MoELayer(CONFIG).double()
    free.load_state_dict(layer.state_dict())
    x = normal(2, 8, 8)  # 16 tokens x 2 choices / 4 experts, halved: 4 places each
    y, routing = layer(x)
    load = torch.bincount(routing.experts.flatten(), minlength=4)
    assert routing.dropped == (load - 4).clamp(min=0).sum() > 0
    assert (routing.weights == 0).sum() == routing.dropped
    assert router_statistics(routing).dropped == pytest.approx(routing.dropped.item() / 32)
    assert not torch.allclose(y, free(x)[0])
    y.sum().backward()  # a dropped choice must not break the backward pass

    y, routing = layer.eval()(x)
    assert routing.dropped == 0
    torch.testing.assert_close(y, free(x)[0])


def test_a_capacity_that_holds_everything_changes_nothing():
    layer = MoELayer(replace(CONFIG, capacity_factor=4.0)).double()
    x = normal(2, 8, 8)
    torch.testing.assert_close(layer(x)[0], layer.eval()(x)[0])


def test_a_balanced_router_has_a_balance_loss_of_k():
    logits = torch.tensor([[9.0, 9, 0, 0], [0, 0, 9, 9], [9, 0, 0, 9], [0, 9, 9, 0]])
    assert load_balancing_loss(routing_of(logits)).item() == pytest.approx(2.0)


def test_a_router_that_prefers_one_pair_of_experts_has_a_balance_loss_of_e():
    logits = torch.tensor([[30.0, 30, 0, 0]]).repeat(6, 1)
    assert load_balancing_loss(routing_of(logits)).item() == pytest.approx(4.0)


def test_descending_the_balance_loss_balances_the_load():
    logits = normal(200, 4) * 0.1 + torch.tensor([2.0, 0, 0, 0])
    bias = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    for _ in range(400):
        (gradient,) = torch.autograd.grad(load_balancing_loss(routing_of(logits + bias)), bias)
        bias = (bias - 0.1 * gradient).detach().requires_grad_()
    assert router_statistics(routing_of(logits)).max_load == pytest.approx(2.0, abs=0.01)
    assert router_statistics(routing_of(logits + bias)).max_load < 1.2


def test_z_loss_equals_its_formula():
    logits = normal(7, 4)
    wanted = sum(math.log(sum(math.exp(z) for z in row)) ** 2 for row in logits.tolist()) / 7
    assert router_z_loss(routing_of(logits)).item() == pytest.approx(wanted)


def test_padding_is_left_out_of_losses_and_statistics():
    logits, mask = normal(12, 4), torch.tensor([[False] * 2 + [True] * 4, [True] * 6])
    whole, kept = routing_of(logits), routing_of(logits[mask.flatten()])
    torch.testing.assert_close(load_balancing_loss(whole, attention_mask=mask), load_balancing_loss(kept))
    torch.testing.assert_close(router_z_loss(whole, attention_mask=mask), router_z_loss(kept))
    torch.testing.assert_close(router_statistics(whole, attention_mask=mask), router_statistics(kept))


def test_router_statistics_of_known_cases():
    even = router_statistics(routing_of(torch.eye(4).double().repeat(3, 1) * 0 + torch.tensor([9.0, 9, 0, 0])))
    assert even.load.tolist() == [0.5, 0.5, 0, 0]
    assert (even.utilization, even.max_load, even.dropped) == (0.5, 2.0, 0.0)
    assert even.entropy == pytest.approx(math.log(2), abs=0.01)
    assert router_statistics(routing_of(torch.zeros(5, 4))).entropy == pytest.approx(math.log(4))
    assert router_statistics(routing_of(torch.tensor([[1e4, 0, 0, 0]]))).entropy == 0.0


@pytest.mark.parametrize("n_tokens", [1, 3, 300])
def test_bfloat16_autocast_gives_what_float32_gives(n_tokens):
    layer, x = MoELayer(CONFIG), normal(1, n_tokens, 8).float()
    wanted = layer(x)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, routing = layer(x)
    assert routing.logits.dtype == torch.float32
    torch.testing.assert_close(y.float(), wanted, rtol=0.05, atol=0.05)
