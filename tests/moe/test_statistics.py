import math

import pytest
import torch
from torch import Tensor

from storyteller.moe.router import route_top_k
from storyteller.moe.statistics import router_statistics


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chosen(logits: Tensor, k: int = 2) -> tuple[Tensor, Tensor]:
    """The router's probabilities, and the experts that it chooses."""
    return logits.softmax(-1), route_top_k(logits, k)[1]


def test_router_statistics_of_known_cases():
    even = router_statistics(*chosen(torch.eye(4).double().repeat(3, 1) * 0 + torch.tensor([9.0, 9, 0, 0])))
    assert even["load"].tolist() == [0.5, 0.5, 0, 0]
    assert (even["utilization"], even["max_load"]) == (0.5, 2.0)
    assert even["entropy"] == pytest.approx(math.log(2), abs=0.01)
    assert router_statistics(*chosen(torch.zeros(5, 4)))["entropy"] == pytest.approx(math.log(4))
    assert router_statistics(*chosen(torch.tensor([[1e4, 0, 0, 0]])))["entropy"] == 0.0


def test_padding_is_left_out_of_the_statistics():
    logits, mask = normal(12, 4), torch.tensor([[False] * 2 + [True] * 4, [True] * 6])
    whole = router_statistics(*chosen(logits), attention_mask=mask)
    torch.testing.assert_close(whole, router_statistics(*chosen(logits[mask.flatten()])))
