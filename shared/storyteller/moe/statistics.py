"""How a layer's router behaves, in four figures.

    >>> import torch
    >>> statistics = router_statistics(torch.full((3, 4), 0.25), torch.tensor([[0], [0], [1]]))
    >>> statistics["utilization"]  # two of four experts have tokens
    0.5

Legend: `N` = B*T tokens flattened, `E` experts, `k` experts that a token is routed to.
"""

from typing import TypedDict

import torch
from torch import Tensor


class RouterStatistics(TypedDict):
    """How one layer's router behaves. For what each token chose, see `storyteller.moe.router.Routing.expert_ids`."""

    load: Tensor  # (E,) share of the choices that each expert received; sums to 1
    entropy: float  # mean over tokens of the entropy of the router's probabilities, in nats: 0 sure, ln(E) undecided
    utilization: float  # share of the experts that received any token
    max_load: float  # the busiest expert's load over the even share: 1 balanced, E/k at worst


@torch.no_grad()
def router_statistics(probs: Tensor, expert_ids: Tensor, *, attention_mask: Tensor | None = None) -> RouterStatistics:
    """Summarize one layer's routing.

    Args:
        probs: (N, E), the router's probabilities of all experts.
        expert_ids: (N, k) int64, the experts that the tokens are routed to.
        attention_mask: (B, T) bool, True = attend, as in transformers: these tokens count. None: all.
    """
    if attention_mask is not None:
        probs, expert_ids = probs[attention_mask.flatten()], expert_ids[attention_mask.flatten()]
    n_experts = probs.size(1)
    load = torch.bincount(expert_ids.flatten(), minlength=n_experts) / expert_ids.numel()  # (E,)
    return RouterStatistics(
        load=load,
        entropy=torch.special.entr(probs).sum(dim=-1).mean().item(),
        utilization=(load > 0).float().mean().item(),
        max_load=(load.max() * n_experts).item(),
    )
