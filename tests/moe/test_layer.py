import math
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from slow_forms import dispatch_by_loop
from storyteller.config import ModelConfig
from storyteller.moe.dispatch import dispatch_dense, dispatch_sorted
from storyteller.moe.layer import MoELayer, build_model
from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.moe.router import route_top_k
from storyteller.transformer.attention import attend
from storyteller.transformer.decoder import swiglu

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
    assert (y.float() - wanted).abs().max() <= 0.03 * wanted.abs().max()


@torch.no_grad()
def sigmoid_layer_by_loops(layer: MoELayer, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The output, and the scores of all experts divided by their sum, of one token after the other."""
    outputs, probs = [], []
    for token in x.flatten(0, 1):
        scores = [1 / (1 + math.exp(-float(weight @ token))) for weight in layer.router.weight]
        chosen = sorted(range(len(scores)), key=lambda e: -scores[e])[:k]
        output = torch.zeros_like(token)
        for e in chosen:
            gate, up = (layer.gate_up[e] @ token).chunk(2)
            output += scores[e] / sum(scores[e] for e in chosen) * (layer.down[e] @ (F.silu(gate) * up))
        outputs.append(output)
        probs.append([score / sum(scores) for score in scores])
    return torch.stack(outputs).view_as(x), torch.tensor(probs, dtype=x.dtype)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_layer_with_a_sigmoid_router_equals_its_formula_written_as_loops(k):
    layer = MoELayer(replace(CONFIG, router="sigmoid", top_k=k)).double()
    x = normal(2, 5, 8)
    y, routing = layer(x)
    wanted, probs = sigmoid_layer_by_loops(layer, x, k)
    torch.testing.assert_close(y, wanted)
    torch.testing.assert_close(routing.probs, probs)
    torch.testing.assert_close(routing.gate_weights.sum(-1), torch.ones(10).double())


def test_the_gradients_of_a_layer_with_a_sigmoid_router_are_those_of_plain_operations():
    layer = MoELayer(replace(CONFIG, router="sigmoid")).double()
    x = normal(2, 5, 8).requires_grad_()
    y, routing = layer(x)
    inputs = [x, *layer.parameters()]
    loss = (y * normal(2, 5, 8, seed=1)).sum() + load_balancing_loss(routing.probs, routing.expert_ids)
    got = torch.autograd.grad(loss, inputs)

    tokens = x.reshape(-1, 8)
    scores = (tokens @ layer.router.weight.T).sigmoid()  # (N, E)
    best = scores.topk(2).values
    gates = torch.where(scores >= best[:, 1:], scores, 0) / best.sum(-1, keepdim=True)  # (N, E)
    gate, up = torch.einsum("nd,efd->enf", tokens, layer.gate_up).chunk(2, dim=-1)
    dense = torch.einsum("ne,enf,edf->nd", gates, F.silu(gate) * up, layer.down)
    f = (gates > 0).double().mean(0)
    loss = (dense * normal(2, 5, 8, seed=1).view_as(dense)).sum()
    loss = loss + 4 * (f * (scores / scores.sum(-1, keepdim=True)).mean(0)).sum()
    for name, ours, theirs in zip(
        ["x", "router", "gate_up", "down"], got, torch.autograd.grad(loss, inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs, msg=lambda m, n=name: f"{n}: {m}")


def test_a_sigmoid_router_whose_scores_are_all_tiny_gives_no_nan():
    layer = MoELayer(replace(CONFIG, router="sigmoid"))
    x = torch.full((1, 1, 8), -300.0)
    torch.nn.init.constant_(layer.router.weight, 1.0)  # sigmoid(-2400) is 0 in float32
    y, routing = layer(x)
    assert y.isfinite().all()
    torch.testing.assert_close(routing.gate_weights, torch.full((1, 2), 0.5))


def test_a_model_remembers_which_of_its_parts_were_replaced():
    own_route = lambda logits, k: route_top_k(-logits, k)  # noqa: E731
    layer = partial(MoELayer, route=own_route)
    assert build_model(CONFIG).replaced_parts == ()
    assert build_model(CONFIG, attend=attend, route=route_top_k, dispatch=dispatch_sorted).replaced_parts == ()
    assert build_model(CONFIG, route=own_route, dispatch=dispatch_dense).replaced_parts == ("route", "dispatch")
    assert build_model(CONFIG, layer=layer, route=own_route).replaced_parts == ("layer",)  # it has a route of its own
    assert build_model(CONFIG, apply_rope=lambda x, cos, sin: x, layer=layer).replaced_parts == ("apply_rope", "layer")
    assert build_model(replace(CONFIG, n_experts=0), layer=layer).replaced_parts == ()  # there is no such layer
    assert build_model(CONFIG, route=own_route, equivalent=True).replaced_parts == ()


def test_an_experts_product_is_at_most_five_calls_away(monkeypatch):
    calls = []

    def noting(*args: Tensor, **options: Tensor) -> Tensor:
        frame, names = sys._getframe(1), ["swiglu"]
        while frame is not None:
            if "storyteller" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename:
                names.append(frame.f_code.co_qualname)
            frame = frame.f_back
        calls.append(names[::-1])
        return swiglu(*args, **options)

    monkeypatch.setattr("storyteller.moe.dispatch.swiglu", noting)
    for ids in (torch.arange(10)[None], torch.tensor([[3]])):
        build_model(CONFIG, seed=1)(ids)
    assert {tuple(names[:-2]) for names in calls} == {("Decoder.forward", "Block.forward", "MoELayer.forward")}
    assert {len(names) for names in calls} == {5}


@torch.no_grad()
def test_a_layer_with_bias_and_shared_experts_is_that_of_deepseek_v3():
    deepseek = pytest.importorskip("transformers.models.deepseek_v3.modeling_deepseek_v3")
    config = replace(CONFIG, n_experts=6, top_k=3, router="sigmoid", balance="bias", n_shared_experts=2)
    layer = MoELayer(config)
    layer.balance_bias = 0.3 * normal(6, seed=5).float()
    theirs = deepseek.DeepseekV3MoE(
        deepseek.DeepseekV3Config(
            hidden_size=8, moe_intermediate_size=6, n_routed_experts=6, num_experts_per_tok=3, n_shared_experts=2,
            n_group=1, topk_group=1, routed_scaling_factor=1.0, norm_topk_prob=True,
        )
    )  # fmt: skip
    gate, up = layer.shared.gate_up.weight.chunk(2)
    theirs.load_state_dict({
        "gate.weight": layer.router.weight, "gate.e_score_correction_bias": layer.balance_bias,
        "experts.gate_up_proj": layer.gate_up, "experts.down_proj": layer.down,
        "shared_experts.gate_proj.weight": gate, "shared_experts.up_proj.weight": up,
        "shared_experts.down_proj.weight": layer.shared.down.weight,
    })  # fmt: skip
    x = normal(3, 7, 8, seed=6).float()
    y, routing = layer(x)
    torch.testing.assert_close(y, theirs(x), rtol=1e-5, atol=1e-5)
    unbiased = routing.logits.topk(3).indices.sort().values
    assert not torch.equal(routing.expert_ids.sort().values, unbiased)  # the bias decides something here


def test_a_softmax_router_with_a_bias_of_zero_is_the_same_as_one_without():
    with_bias, without = MoELayer(replace(CONFIG, balance="bias")), MoELayer(CONFIG)
    with_bias.load_state_dict(without.state_dict() | {"balance_bias": torch.zeros(4)})
    x = normal(2, 5, 8).float()
    torch.testing.assert_close(with_bias(x)[0], without(x)[0], rtol=1e-5, atol=1e-6)
