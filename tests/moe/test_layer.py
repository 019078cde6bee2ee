from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from slow_forms import dispatch_by_loop
from storyteller.config import ModelConfig
from storyteller.moe.layer import MoELayer, build_model
from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.moe.router import route_top_k

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
    assert routing.gate_weights.shape == routing.expert_ids.shape == (10, 2)
    assert routing.dropped == 0


def test_the_moe_layers_gradients_pass_gradcheck():
    layer = MoELayer(CONFIG).double()
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, routing = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))
        return y, load_balancing_loss(routing.probs, routing.expert_ids), router_z_loss(routing.logits)

    inputs = [normal(1, 4, 8).requires_grad_(), *(p.detach().clone().requires_grad_() for p in layer.parameters())]
    assert torch.autograd.gradcheck(run, inputs)


def test_the_model_runs_the_parts_it_is_given():
    calls = []

    def route(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
        calls.append("route")
        return route_top_k(logits, k)

    def dispatch(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts) -> Tensor:
        calls.append("dispatch")
        return dispatch_by_loop(x, gate_weights, expert_ids, experts)

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
    load = torch.bincount(routing.expert_ids.flatten(), minlength=4)
    assert routing.dropped == (load - 4).clamp(min=0).sum() > 0
    assert (routing.gate_weights == 0).sum() == routing.dropped
    assert routing.dropped_share == pytest.approx(routing.dropped.item() / 32)
    assert not torch.allclose(y, free(x)[0])
    y.sum().backward()  # a dropped choice must not break the backward pass

    y, routing = layer.eval()(x)
    assert routing.dropped == routing.dropped_share == 0
    torch.testing.assert_close(y, free(x)[0])


def test_a_capacity_that_holds_everything_changes_nothing():
    layer = MoELayer(replace(CONFIG, capacity_factor=4.0)).double()
    x = normal(2, 8, 8)
    torch.testing.assert_close(layer(x)[0], layer.eval()(x)[0])


@pytest.mark.parametrize("n_tokens", [1, 3, 300])
def test_bfloat16_autocast_gives_what_float32_gives(n_tokens):
    layer, x = MoELayer(CONFIG), normal(1, n_tokens, 8).float()
    wanted = layer(x)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, routing = layer(x)
    assert routing.logits.dtype == torch.float32
    torch.testing.assert_close(y.float(), wanted, rtol=0.05, atol=0.05)
