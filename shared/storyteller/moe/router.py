"""The router: which experts a token is routed to, and how much each of them counts.

    >>> gate_weights, expert_ids = route_top_k(torch.tensor([[2.0, 0.0, 2.0, -1.0]]), 2)
    >>> gate_weights.tolist(), expert_ids.tolist()
    ([[0.5, 0.5]], [[0, 2]])

Legend: `N` = B*T tokens flattened, `D` model width, `E` experts, `k` experts that a token is routed to.

Papers: Shazeer et al. 2017, "Outrageously Large Neural Networks" · Fedus et al. 2021, "Switch Transformers" · Jiang et
al. 2024, "Mixtral of Experts" · DeepSeek-AI 2024, "DeepSeek-V3 Technical Report".
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.config import ModelConfig

# route(log_scores (N, E), k) -> gate_weights (N, k), expert_ids (N, k)
Route = Callable[[Tensor, int], tuple[Tensor, Tensor]]
# the same with scores (N, E) in place of their logarithms, and a bias (E,)
BiasedRoute = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


class Routing(NamedTuple):
    """What one MoE layer decided about its N tokens; losses, statistics and figures are made from it."""

    logits: Tensor  # (N, E), float32
    probs: Tensor  # (N, E), the scores of all experts, normalized to sum to 1
    gate_weights: Tensor  # (N, k), of each chosen expert; 0 where its capacity was exhausted
    expert_ids: Tensor  # (N, k) int64, the chosen experts, best first, dropped choices included
    dropped: Tensor  # () int64, how many of the N*k choices found their expert full

    @property
    def dropped_share(self) -> float:
        """Share of the N*k choices that found their expert full."""
        return self.dropped.item() / self.expert_ids.numel()


def route_top_k(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's k best experts, and weigh them so that the weights sum to 1.

    A softmax over the k best logits is the same as a softmax over all of them, cut to the k best and renormalized. With
    k = 1 the weight is always 1, and the router learns from its balance loss alone.

    Args:
        logits: (N, E)
        k: experts per token.

    Returns:
        gate_weights (N, k), best first, and expert_ids (N, k) int64.

    Source: Jiang et al. 2024 (Mixtral), section 2.1.
    """
    best, expert_ids = logits.topk(k, dim=-1)  # (N, k) each
    return best.softmax(dim=-1), expert_ids


def route_with_bias(scores: Tensor, bias: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's k experts by score plus bias, and weigh them by their scores alone.

    Args:
        scores: (N, E), above 0: of each expert for each token.
        bias: (E,), see `update_bias`; no gradient reaches it.
        k: experts per token.

    Returns:
        gate_weights (N, k) that sum to 1, and expert_ids (N, k) int64, the largest biased score first.

    Source: DeepSeek-AI 2024, section 2.1.2, equation 16.
    """
    expert_ids = (scores + bias).topk(k, dim=-1).indices  # (N, k)
    chosen = scores.gather(1, expert_ids)  # (N, k)
    return chosen / (chosen.sum(dim=-1, keepdim=True) + 1e-20), expert_ids


def count_choices(expert_ids: Tensor, n_experts: int) -> Tensor:
    """How often each expert was chosen, (E,) int64.

    What `torch.bincount` gives, but that would wait for a GPU, to see whether any number is above `n_experts`.

    Args:
        expert_ids: (N, k) int64
        n_experts: E.
    """
    chosen = expert_ids.flatten()  # (N*k,)
    return chosen.new_zeros(n_experts).scatter_add(0, chosen, torch.ones_like(chosen))


@torch.no_grad()
def update_bias(bias: Tensor, counts: Tensor, *, rate: float) -> Tensor:
    """The bias after a step: up by `rate` for an expert that had less than its even share, down for one that had more.

    Args:
        bias: (E,)
        counts: (E,), the choices of each expert in the step.
        rate: DeepSeek-V3 takes 0.001.

    Returns:
        (E,)

    Source: Wang et al. 2024, "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts", algorithm 1.
    """
    counts = counts.to(bias.dtype)
    return bias + rate * (counts.mean() - counts).sign()


LOG_SCORES: Mapping[str, Callable[[Tensor], Tensor]] = {"softmax": lambda logits: logits, "sigmoid": F.logsigmoid}


def log_scores(logits: Tensor, kind: str) -> Tensor:
    """The logarithms of the experts' scores, up to a constant for each token: what `route_top_k` takes as logits.

    The softmax of these is the scores, normalized over all experts. So it makes the probabilities of a `Routing`, and
    over the k chosen experts the gate weights, with either kind of router:

    - "softmax", as in Mixtral: the score is the softmax of the logits, whose logarithm is the logits themselves.
    - "sigmoid", as in DeepSeek-V3: every expert is scored on its own, by the sigmoid of its logit, and the chosen
      scores are divided by their sum. Through logarithms, so that scores that are all tiny do not become 0 / 0.

    Args:
        logits: (N, E)
        kind: `ModelConfig.router`.

    Returns:
        (N, E)

    Source: Jiang et al. 2024 (Mixtral), section 2.1; DeepSeek-AI 2024, section 2.1.2, equations 12 to 15, without its
    groups of experts. Its bias is in `route_with_bias`.
    """
    return LOG_SCORES[kind](logits)


class Router(nn.Module):
    """A linear score of every expert for every token, always in float32.

    The softmax of a router amplifies rounding: in bfloat16 two runs may route the same token to different experts
    (Fedus et al. 2021, section 2.4, "selective precision").
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        nn.init.normal_(self.weight, std=config.init_std)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to logits (N, E)."""
        wide = torch.promote_types(x.dtype, torch.float32)
        device_type = x.device.type
        # Entering autocast's context costs time for every token that is generated; where it is off, there is no need.
        on = torch.is_autocast_enabled(device_type)
        with torch.autocast(device_type, enabled=False) if on else nullcontext():
            return F.linear(x.to(wide), self.weight.to(wide))  # (N, E)
