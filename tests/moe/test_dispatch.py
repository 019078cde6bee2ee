from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from slow_forms import dispatch_by_loop
from storyteller.config import preset
from storyteller.moe.dispatch import (
    Experts,
    choose_dispatch,
    dispatch_batched,
    dispatch_dense,
    dispatch_grouped,
    dispatch_loop,
    dispatch_one_token,
    dispatch_sorted,
    within_capacity,
)
from storyteller.moe.layer import MoELayer
from storyteller.moe.router import route_top_k

needs_grouped_products = pytest.mark.skipif(not hasattr(F, "grouped_mm"), reason="this PyTorch has none")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(
    n_tokens=st.integers(1, 20),
    n_experts=st.integers(1, 6),
    data=st.data(),
    dropped=st.booleans(),
)
def test_dispatch_equals_a_loop_over_tokens(n_tokens, n_experts, data, dropped):
    k = data.draw(st.integers(1, n_experts))
    x, matrices = normal(n_tokens, 5), normal(n_experts, 5, 5, seed=1)
    experts = [lambda rows, m=m: rows @ m for m in matrices]
    gate_weights, expert_ids = route_top_k(normal(n_tokens, n_experts, seed=2), k)
    if dropped:
        gone = normal(n_tokens, k, seed=3) > 0.3
        gate_weights, expert_ids = gate_weights.masked_fill(gone, 0), expert_ids.masked_fill(gone, n_experts)
        if gone.all():
            return
    wanted = dispatch_by_loop(x, gate_weights, expert_ids, experts)
    forms = (dispatch_loop, dispatch_sorted, dispatch_dense, *((dispatch_one_token,) if n_tokens == 1 else ()))
    for dispatch in forms:
        torch.testing.assert_close(dispatch(x, gate_weights, expert_ids, experts), wanted)


def test_a_batch_whose_every_choice_is_dropped_gives_zeros():
    x, expert_ids = normal(3, 5), torch.full((3, 2), 4)
    for dispatch in (dispatch_loop, dispatch_sorted):
        y = dispatch(x, torch.zeros(3, 2), expert_ids, [lambda rows: rows] * 4)
        assert torch.equal(y, torch.zeros(3, 5).double())


@pytest.mark.parametrize("n_tokens", [1, 2, 5, 40, 300])
@pytest.mark.parametrize("balanced", [True, False])
def test_batched_dispatch_equals_the_loop_with_its_gradients(n_tokens, balanced):
    n_experts, D, d_ff = 4, 6, 5
    leaves = [normal(n_tokens, D), normal(n_experts, 2 * d_ff, D, seed=1), normal(n_experts, D, d_ff, seed=2)]
    logits = normal(n_tokens, n_experts, seed=3) + (0 if balanced else torch.tensor([9.0, 5.0, 0.0, 0.0]))
    gate_weights, expert_ids = route_top_k(logits, 2)
    gone = normal(n_tokens, 2, seed=4) > 1.0  # dropped
    gate_weights, expert_ids = gate_weights.masked_fill(gone, 0), expert_ids.masked_fill(gone, n_experts)
    results = []
    for dispatch in (dispatch_loop, dispatch_batched):
        x, gate_up, down, gates = (leaf.clone().requires_grad_() for leaf in (*leaves, gate_weights))
        y = dispatch(x, gates, expert_ids, Experts(gate_up, down))
        gradients = torch.autograd.grad(y.square().sum(), (x, gate_up, down, gates), allow_unused=True)
        results.append([y, *gradients])
    for wanted, got in zip(*results, strict=True):
        wanted, got = (torch.zeros(()) if part is None else part for part in (wanted, got))
        assert (got - wanted).abs().max() < 1e-10


def test_training_in_bfloat16_on_a_cpu_has_few_shapes(monkeypatch):
    layer = MoELayer(replace(preset("tiny").model, d_model=8, d_ff=4, n_heads=2, n_kv_heads=2))
    shapes = set()
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: (shapes.add(a.shape[1]), bmm(a, b))[1])
    for seed in range(30):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            layer(normal(1, 256, 8, seed=seed).float())
    assert shapes <= {64, 96, 128, 160}


def test_places_are_taken_in_token_order_and_a_tokens_best_expert_first():
    expert_ids = torch.tensor([[0, 1], [0, 1], [1, 0], [2, 1]])
    wanted = [[True, True], [True, True], [False, False], [True, False]]
    assert within_capacity(expert_ids, n_experts=3, capacity=2).tolist() == wanted


@needs_grouped_products
@pytest.mark.parametrize("n_tokens", [2, 16, 200])
def test_grouped_products_give_what_the_experts_give_in_turn(n_tokens):
    experts = Experts(normal(4, 24, 8).float(), normal(4, 8, 12, seed=1).float())
    x = normal(n_tokens, 8, seed=2).float()
    gate_weights, expert_ids = route_top_k(normal(n_tokens, 4, seed=3).float(), 2)
    expert_ids[expert_ids == 2] = 1  # an expert without tokens
    assert choose_dispatch(x, experts) is dispatch_grouped
    with torch.no_grad():
        assert choose_dispatch(x, experts) is dispatch_grouped
    assert choose_dispatch(x.double(), experts) is dispatch_sorted
    grouped = dispatch_grouped(x, gate_weights, expert_ids, experts)
    torch.testing.assert_close(grouped, dispatch_sorted(x, gate_weights, expert_ids, experts))
    torch.testing.assert_close(grouped, dispatch_by_loop(x, gate_weights, expert_ids, list(experts)))
    gate_weights[0, 0], expert_ids[0, 0] = 0, 4  # dropped
    grouped = dispatch_grouped(x, gate_weights, expert_ids, experts)
    torch.testing.assert_close(grouped, dispatch_by_loop(x, gate_weights, expert_ids, list(experts)))


@pytest.fixture
def rubbish_in_memory(monkeypatch):
    """`F.grouped_mm` as it may be on a GPU: rows behind the last expert's are NaN, also those of the gradient."""
    grouped_mm = F.grouped_mm

    class GroupedProduct(torch.autograd.Function):
        @staticmethod
        def forward(ctx, rows, weights, ends):
            ctx.save_for_backward(rows, weights, ends)
            y = grouped_mm(rows, weights, offs=ends)
            y[ends[-1] :] = torch.nan
            return y

        @staticmethod
        def backward(ctx, gradient):
            rows, weights, ends = ctx.saved_tensors
            with torch.enable_grad():
                leaves = [rows.detach().requires_grad_(), weights.detach().requires_grad_()]
                to_rows, to_weights = torch.autograd.grad(grouped_mm(*leaves, offs=ends), leaves, gradient)
            to_rows[ends[-1] :] = torch.nan
            return to_rows, to_weights, None

    monkeypatch.setattr(F, "grouped_mm", lambda rows, weights, *, offs: GroupedProduct.apply(rows, weights, offs))


ROUTES = ["any", "an expert without tokens", "one expert has all", "some are dropped", "all are dropped"]


@needs_grouped_products
@pytest.mark.usefixtures("rubbish_in_memory")
@pytest.mark.parametrize("n_tokens", [1, 2, 17, 200])
@pytest.mark.parametrize("routes", ROUTES)
@pytest.mark.parametrize(
    ("dtype", "autocast", "tolerance"),
    [(torch.float32, False, 2e-6), (torch.bfloat16, False, 0.02), (torch.float32, True, 0.02)],
    ids=["float32", "bfloat16", "autocast"],
)
def test_grouped_products_have_the_gradients_of_the_loop(n_tokens, routes, dtype, autocast, tolerance):
    """In 16 bits: as near to the loop in float64 as rounding allows, of the largest number."""
    E, D, d_ff, k = 4, 16, 8, 2
    leaves = [normal(n_tokens, D), 0.4 * normal(E, 2 * d_ff, D, seed=1), 0.4 * normal(E, D, d_ff, seed=2)]
    gate_weights, expert_ids = route_top_k(normal(n_tokens, E, seed=3), k)
    if routes == "an expert without tokens":
        expert_ids = expert_ids.where(expert_ids != 2, 1)
    elif routes == "one expert has all":
        expert_ids = torch.ones_like(expert_ids)
    elif routes != "any":
        gone = normal(n_tokens, k, seed=4) > (0.0 if routes == "some are dropped" else -99.0)
        expert_ids = expert_ids.masked_fill(gone, E)  # the gate weights stay: a dropped choice adds nothing anyway
    x, gate_up, down = (leaf.to(dtype) for leaf in leaves)
    cotangent = normal(n_tokens, D, seed=5)

    def results(dispatch, *given):
        given = [leaf.clone().requires_grad_() for leaf in given]
        x, gate_up, down, gates = given
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast and dispatch is dispatch_grouped):
            y = dispatch(x, gates, expert_ids, Experts(gate_up, down))
        assert y.dtype == x.dtype
        if y.requires_grad:
            (y * cotangent.to(y.dtype)).sum().backward()
        return [y, *(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in given)]

    wanted = results(dispatch_loop, *(leaf.double() for leaf in (x, gate_up, down, gate_weights)))
    got = results(dispatch_grouped, x, gate_up, down, gate_weights.float())
    for one, other in zip(got, wanted, strict=True):
        assert torch.isfinite(one).all()
        assert (one.double() - other).abs().max() <= tolerance * other.abs().max()


def test_finite_differences_agree_with_the_gradient_of_grouped_products(monkeypatch):
    """In float64, with a loop in place of PyTorch's product, which has none."""

    def grouped_mm(rows, weights, *, offs):
        sizes = torch.diff(offs, prepend=offs.new_zeros(1)).tolist()
        return torch.cat([part @ one for part, one in zip(rows.split(sizes), weights, strict=True)])

    monkeypatch.setattr(F, "grouped_mm", grouped_mm, raising=False)
    E, D, d_ff = 3, 4, 4
    leaves = [normal(6, D), normal(E, 2 * d_ff, D, seed=1), normal(E, D, d_ff, seed=2), normal(6, 2, seed=4)]
    expert_ids = torch.tensor([[0, 1], [1, 3], [3, 3], [0, 1], [1, 0], [3, 0]])  # none for expert 2, some dropped

    def y(x, gate_up, down, gates):
        return dispatch_grouped(x, gates, expert_ids, Experts(gate_up, down))

    assert torch.autograd.gradcheck(y, [leaf.requires_grad_() for leaf in leaves])


@pytest.mark.parametrize("capability", [(8, 9), (9, 0), (10, 3), (12, 0)])
def test_a_gpu_takes_grouped_products_in_bfloat16_where_it_has_a_kernel(capability, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    wanted = dispatch_grouped if capability in ((9, 0), (10, 3)) and hasattr(F, "grouped_mm") else dispatch_sorted
    with FakeTensorMode():  # tensors without numbers, that say they are on a GPU

        def choice(dtype, D=16, d_ff=8):
            like = {"dtype": dtype, "device": "cuda"}
            return choose_dispatch(
                torch.empty(6, D, **like), Experts(torch.empty(4, 2 * d_ff, D, **like), torch.empty(4, D, d_ff, **like))
            )

        assert choice(torch.bfloat16) is wanted
        assert choice(torch.float32) is choice(torch.float16) is dispatch_sorted
        assert choice(torch.bfloat16, D=12) is choice(torch.bfloat16, d_ff=12) is dispatch_sorted


def test_a_single_token_needs_no_sorting():
    experts = Experts(normal(4, 24, 8), normal(4, 8, 12, seed=1))
    x = normal(1, 8, seed=2)
    assert choose_dispatch(x, experts) is dispatch_one_token
    nothing = dispatch_one_token(x, torch.zeros(1, 2), torch.full((1, 2), 4), experts)
    assert torch.equal(nothing, torch.zeros_like(x))
