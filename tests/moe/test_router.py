import torch
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.moe.router import Router, count_choices, route_top_k, route_with_bias, update_bias

CONFIG = ModelConfig(vocab_size=31, max_seq_len=16, d_model=8, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=6, n_experts=4)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_route_top_k_is_a_softmax_over_all_cut_to_k_and_renormalized():
    logits = normal(20, 6)
    gate_weights, expert_ids = route_top_k(logits, 3)
    probs, wanted = logits.softmax(-1).topk(3, dim=-1)
    torch.testing.assert_close(gate_weights, probs / probs.sum(-1, keepdim=True))
    assert torch.equal(expert_ids, wanted)


def test_the_router_runs_in_float32_under_autocast():
    router, x = Router(CONFIG), normal(5, 8).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = router(x)
    torch.testing.assert_close(logits, x @ router.weight.T, rtol=1e-6, atol=1e-6)
    assert router.bfloat16()(x.bfloat16()).dtype == torch.float32


def test_a_bias_changes_which_experts_are_chosen_and_not_how_much_they_count():
    scores = torch.tensor([[0.5, 0.3, 0.1, 0.1]])
    gate_weights, expert_ids = route_with_bias(scores, torch.tensor([-0.45, 0.0, 0.3, 0.0]), 2)
    assert expert_ids.tolist() == [[2, 1]]
    torch.testing.assert_close(gate_weights, torch.tensor([[0.25, 0.75]]))


def test_the_bias_of_an_expert_rises_where_it_had_too_little_and_falls_where_it_had_too_much():
    moved = update_bias(torch.tensor([0.5, -0.1, 0.0, 0.2]), torch.tensor([9, 0, 4, 3]), rate=0.1)
    torch.testing.assert_close(moved, torch.tensor([0.4, 0.0, 0.0, 0.3]))


def test_choices_are_counted_as_bincount_counts_them():
    expert_ids = torch.tensor([[0, 3], [3, 1], [0, 3]])
    assert torch.equal(count_choices(expert_ids, 5), torch.bincount(expert_ids.flatten(), minlength=5))
