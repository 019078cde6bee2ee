"""Lesson 03: routers, dispatch, balance, a Mixture-of-Experts layer.

Legend: `N` = B*T tokens in a row, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that
a token visits, `R` rows that all experts together work on, `L` layers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.moe import layer as moe
from storyteller.moe.cost_model import count_parameters, forward_flops
from storyteller.moe.dispatch import Expert, dispatch_sorted, within_capacity
from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.moe.router import route_top_k
from storyteller.moe.statistics import router_statistics

__all__ = [
    "MoELayer",
    "balance_of_layers",
    "combine",
    "dispatch_naive",
    "dispatch_sorted",
    "load_balancing_loss",
    "moe_costs",
    "route_expert_choice",
    "route_noisy",
    "route_top_k",
    "router_statistics",
    "router_z_loss",
    "within_capacity",
]


def route_noisy(logits: Tensor, noise_logits: Tensor, noise: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose and weigh experts by logits that were disturbed, each by as much as the router asks for.

    Args:
        logits: (N, E), without noise.
        noise_logits: (N, E), from a second matrix: softplus of it is how far each logit is disturbed.
        noise: (N, E), standard normal numbers. (An argument, so that the result can be repeated.)
        k: experts per token.

    Returns:
        weights (N, k), best first, and experts (N, k) int64.

    Source: Shazeer et al. 2017, equations 3 to 5.
    """
    # Step 1: The width of the noise, which must not be negative: softplus(z) = log(1 + exp(z)).
    width = torch.nn.functional.softplus(noise_logits)  # (N, E)
    # Step 2: The disturbed logits: each plus its noise times its width.
    disturbed = logits + noise * width  # (N, E)
    # Step 3: From here on as without noise: the k best of these, and the weights from these.
    return route_top_k(disturbed, k)


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


def dispatch_naive(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Sequence[Expert]) -> Tensor:
    """The same sum as `dispatch_sorted`, token by token; see lesson 03."""
    return dispatch_sorted(x, gate_weights, expert_ids, experts)


def combine(answers: Tensor, order: Tensor, weights: Tensor) -> Tensor:
    """Bring the experts' answers back to the tokens that asked, and add them up by weight.

    The N*k choices have numbers: choice c is the choice c % k of token c // k.

    Args:
        answers: (R, D); row i answers the choice number order[i].
        order: (R,) int64, choice numbers. A choice that was dropped is not in it.
        weights: (N, k), the weight of each choice.

    Returns:
        (N, D): for each token the sum of its answers, each times its choice's weight; 0 for a token without answers.
    """
    n_tokens, k = weights.shape
    # Which token does each answer belong to?
    token = order // k  # (R,)
    # The weight of the choice that it answers.
    share = weights.flatten()[order]  # (R,)
    # Add every weighted answer to the row of its token.
    weighted = answers * share[:, None]  # (R, D)
    return weighted.new_zeros(n_tokens, answers.size(1)).index_add(0, token, weighted)  # (N, D)


def balance_of_layers(logits: Tensor, k: int, *, attention_mask: Tensor | None = None) -> Tensor:
    """The balance loss of a whole model: the sum of the losses of its layers.

    Args:
        logits: (L, N, E), of the router of each of the L layers.
        k: experts per token.
        attention_mask: (B, T) bool, True for the tokens that count; None: all.

    Returns:
        ()
    """
    total = logits.new_zeros(())
    for layer in logits:  # (N, E)
        # The router's probabilities of all E experts, and the experts that the tokens visit.
        probs = layer.softmax(dim=-1)  # (N, E)
        experts = layer.topk(k, dim=-1).indices  # (N, k)
        # Every layer is to be balanced on its own.
        total = total + load_balancing_loss(probs, experts, attention_mask=attention_mask)
    return total


def moe_costs(
    *, vocab_size: int, d_model: int, n_layers: int, n_heads: int, d_ff: int, n_experts: int, top_k: int, context: int
) -> tuple[int, int, int]:
    """What a Mixture-of-Experts decoder with tied embeddings has to store, and what it computes for one token.

    Args:
        vocab_size: V.
        d_model: D.
        n_layers: how many blocks.
        n_heads: H; the heads together are D wide.
        d_ff: F, of one expert.
        n_experts: E.
        top_k: k.
        context: S, the tokens that this token looks at, itself included.

    Returns:
        All parameters; those that one token passes through (active); and the FLOPs of the matrix products for one
        token, 2 for each multiplication with its addition.
    """
    config = ModelConfig(
        vocab_size=vocab_size, max_seq_len=context, d_model=d_model, n_layers=n_layers, n_heads=n_heads,
        n_kv_heads=n_heads, d_ff=d_ff, n_experts=n_experts, top_k=top_k,
    )  # fmt: skip
    parameters = count_parameters(config)
    return parameters.total, parameters.active, int(forward_flops(config, context=context))


class MoELayer(moe.MoELayer):
    """The feed-forward part of a decoder: a router, and E experts of which each token visits k; see lesson 03."""

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
