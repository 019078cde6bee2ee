"""Lesson 03: a router that lets the experts choose."""

from torch import Tensor


def route_expert_choice(logits: Tensor, capacity: int) -> tuple[Tensor, Tensor]:
    """Let every expert choose its tokens: balanced by construction, but no longer causal.

    Args:
        logits: (N, E)
        capacity: tokens per expert.

    Returns:
        weights (E, capacity), the router's probability of each chosen pair, and tokens (E, capacity) int64.

    Source: Zhou et al. 2022, section 3.2.
    """
    best = logits.softmax(dim=-1).T.topk(capacity, dim=-1)  # (E, capacity) each
    return best.values, best.indices
