import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from slow_forms import dispatch_by_loop
from storyteller.moe.dispatch import (
    Experts,
    choose_dispatch,
    dispatch_dense,
    dispatch_grouped,
    dispatch_loop,
    dispatch_one_token,
    dispatch_sorted,
    within_capacity,
)
from storyteller.moe.router import route_top_k


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


def test_dispatch_in_bfloat16_rounds_rows_up_to_64_and_still_equals_the_loop():
    x, matrices = normal(300, 16).bfloat16(), normal(4, 16, 16, seed=1).bfloat16()
    rows_seen = []

    def expert(rows: Tensor, m: Tensor) -> Tensor:
        rows_seen.append(len(rows))
        return rows @ m

    experts = [lambda rows, m=m: expert(rows, m) for m in matrices]
    gate_weights, expert_ids = route_top_k(normal(300, 4, seed=2).float(), 2)
    gate_weights[5:40], expert_ids[5:40] = 0, 4  # dropped
    got = choose_dispatch(x, experts)(x, gate_weights, expert_ids, experts)
    assert len(rows_seen) == 4
    assert all(rows % 64 == 0 for rows in rows_seen)
    wanted = dispatch_by_loop(
        x.float(), gate_weights, expert_ids, [lambda rows, m=m: rows @ m.float() for m in matrices]
    )
    torch.testing.assert_close(got.float(), wanted, rtol=0.02, atol=0.05)


def test_places_are_taken_in_token_order_and_a_tokens_best_expert_first():
    expert_ids = torch.tensor([[0, 1], [0, 1], [1, 0], [2, 1]])
    wanted = [[True, True], [True, True], [False, False], [True, False]]
    assert within_capacity(expert_ids, n_experts=3, capacity=2).tolist() == wanted


@pytest.mark.skipif(not hasattr(F, "grouped_mm"), reason="this PyTorch has no grouped products")
@pytest.mark.parametrize("n_tokens", [2, 16, 200])
def test_grouped_products_give_what_the_experts_give_in_turn(n_tokens):
    experts = Experts(normal(4, 24, 8).float(), normal(4, 8, 12, seed=1).float())
    x = normal(n_tokens, 8, seed=2).float()
    gate_weights, expert_ids = route_top_k(normal(n_tokens, 4, seed=3).float(), 2)
    expert_ids[expert_ids == 2] = 1  # an expert without tokens
    with torch.no_grad():
        assert choose_dispatch(x, experts) is dispatch_grouped
        grouped = dispatch_grouped(x, gate_weights, expert_ids, experts)
    assert choose_dispatch(x, experts) is dispatch_sorted  # there is no gradient of a grouped product
    torch.testing.assert_close(grouped, dispatch_sorted(x, gate_weights, expert_ids, experts))
    torch.testing.assert_close(grouped, dispatch_by_loop(x, gate_weights, expert_ids, list(experts)))


def test_a_single_token_needs_no_sorting():
    experts = Experts(normal(4, 24, 8), normal(4, 8, 12, seed=1))
    x = normal(1, 8, seed=2)
    assert choose_dispatch(x, experts) is dispatch_one_token
    nothing = dispatch_one_token(x, torch.zeros(1, 2), torch.full((1, 2), 4), experts)
    assert torch.equal(nothing, torch.zeros_like(x))
