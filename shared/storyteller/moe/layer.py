"""Mixture of Experts: many feed-forward parts a layer, of which each token visits only a few.

    >>> from storyteller.config import preset
    >>> import torch
    >>> model = build_model(preset("tiny").model, seed=1)
    >>> output = model(torch.tensor([[5, 6, 7]]))
    >>> len(output.routing), output.routing[0].experts.shape  # 2 layers; 3 tokens, 2 experts each
    (2, torch.Size([3, 2]))

How the tokens get to their experts and back is in `storyteller.moe.dispatch`.

Legend: `N` = B*T tokens in a row, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that
a token visits.

Papers: Shazeer et al. 2017, "Outrageously Large Neural Networks" · Fedus et al. 2021, "Switch Transformers" · Zoph et
al. 2022, "ST-MoE" · Jiang et al. 2024, "Mixtral of Experts".
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.moe.dispatch import Dispatch, Experts, dispatch_sorted, within_capacity
from storyteller.transformer.attention import Attend, Rotate, apply_rope, attend
from storyteller.transformer.decoder import Decoder, FeedForward, Norm, RMSNorm, SwiGLU

# route(logits (N, E), k) -> weights (N, k), experts (N, k)
Route = Callable[[Tensor, int], tuple[Tensor, Tensor]]


class Routing(NamedTuple):
    """What one MoE layer decided about its N tokens; losses, statistics and plots are made from it."""

    logits: Tensor  # (N, E), float32
    probs: Tensor  # (N, E), softmax of the logits
    weights: Tensor  # (N, k), share of each chosen expert; 0 where its capacity was exhausted
    experts: Tensor  # (N, k) int64, the chosen experts, best first, dropped ones included
    dropped: Tensor  # () int64, how many of the N*k choices found their expert full


def route_top_k(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's k best experts, and weigh them so that the weights sum to 1.

    A softmax over the k best logits is the same as a softmax over all of them, cut to the k best and renormalised. With
    k = 1 the weight is always 1, and the router learns from its balance loss alone.

    Args:
        logits: (N, E)
        k: experts per token.

    Returns:
        weights (N, k), best first, and experts (N, k) int64.

    Source: Jiang et al. 2024 (Mixtral), section 2.1.
    """
    best, experts = logits.topk(k, dim=-1)  # (N, k) each
    return best.softmax(dim=-1), experts


class Router(nn.Module):
    """A linear score of every expert for every token, always in float32.

    The softmax of a router amplifies rounding: in bfloat16 two runs of the same token may visit different experts
    (Fedus et al. 2021, section 2.4, "selective precision").
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        nn.init.normal_(self.weight, std=config.init_std)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to logits (N, E)."""
        wide = torch.promote_types(x.dtype, torch.float32)
        with _without_autocast(x.device.type):
            return F.linear(x.to(wide), self.weight.to(wide))  # (N, E)


def _without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Where products keep the dtype of their factors. Free where autocast is off, as it is for each token told."""
    on = torch.is_autocast_enabled(device_type)
    return torch.autocast(device_type, enabled=False) if on else nullcontext()


class MoELayer(nn.Module):
    """The feed-forward part of a Mixtral layer: a router and E SwiGLU experts, of which each token visits k.

    With `config.capacity_factor`, an expert takes at most ceil(capacity_factor * N * k / E) choices in training; a
    choice beyond that is dropped, and the token keeps what its other experts and the residual stream give. The layer
    does not know padding: it takes places like any token. Outside of training nothing is dropped, or a text would
    depend on what is generated beside it.

    Source: Jiang et al. 2024 (Mixtral), section 2.1.
    """

    def __init__(
        self, config: ModelConfig, layer: int = 0, *, route: Route = route_top_k, dispatch: Dispatch = dispatch_sorted
    ) -> None:
        super().__init__()
        self.top_k, self.n_experts, self.capacity_factor = config.top_k, config.n_experts, config.capacity_factor
        self.router = Router(config)
        self.gate_up = nn.Parameter(torch.empty(config.n_experts, 2 * config.d_ff, config.d_model))
        self.down = nn.Parameter(torch.empty(config.n_experts, config.d_model, config.d_ff))
        nn.init.normal_(self.gate_up, std=config.init_std)
        nn.init.normal_(self.down, std=config.init_std)
        self.route, self.dispatch = route, dispatch

    def forward(self, x: Tensor) -> tuple[Tensor, Routing]:
        """(B, T, D) to (B, T, D), and what the router decided."""
        tokens = x.reshape(-1, x.size(-1))  # (N, D)
        logits = self.router(tokens)  # (N, E)
        weights, experts = self.route(logits, self.top_k)  # (N, k) each
        visited, dropped = experts, experts.new_zeros(())
        if self.training and self.capacity_factor is not None:
            capacity = math.ceil(self.capacity_factor * experts.numel() / self.n_experts)
            fits = within_capacity(experts, n_experts=self.n_experts, capacity=capacity)  # (N, k)
            weights, visited = weights * fits, experts.where(fits, self.n_experts)
            dropped = (~fits).sum()
        y = self.dispatch(tokens, weights, visited, Experts(self.gate_up, self.down))  # (N, D)
        return y.view_as(x), Routing(logits, logits.softmax(dim=-1), weights, experts, dropped)


def _real_rows(values: Tensor, attention_mask: Tensor | None) -> Tensor:
    """The rows of real tokens: (N, ...) to (N', ...)."""
    return values if attention_mask is None else values[attention_mask.flatten()]


class RouterLoss(Protocol):
    """What the trainer asks of a replacement for `load_balancing_loss` or `router_z_loss`."""

    def __call__(self, routing: Routing, *, attention_mask: Tensor | None = None) -> Tensor:
        """See `load_balancing_loss`."""


def load_balancing_loss(routing: Routing, *, attention_mask: Tensor | None = None) -> Tensor:
    """E * sum_e f_e P_e: how unevenly one layer spreads its tokens; k when all experts are equally busy.

    f_e is the number of tokens that chose expert e, over the number of tokens; P_e the mean probability that the router
    gave it. f has no gradient; the loss lowers P where f is high. Choices dropped for capacity count in f.

    Args:
        routing: of one layer.
        attention_mask: (B, T) bool, True for the tokens that count.

    Returns:
        () float32

    Source: Fedus et al. 2021 (Switch), equations 4 to 6.
    """
    probs = _real_rows(routing.probs, attention_mask)  # (N, E)
    experts = _real_rows(routing.experts, attention_mask)  # (N, k)
    n_experts = probs.size(1)
    chosen = torch.bincount(experts.flatten(), minlength=n_experts) / experts.size(0)  # (E,) f
    return n_experts * (chosen * probs.mean(dim=0)).sum()


def router_z_loss(routing: Routing, *, attention_mask: Tensor | None = None) -> Tensor:
    """The mean of logsumexp(logits)^2: keeps a layer's router logits small, where float32 is fine-grained.

    Returns:
        () float32

    Source: Zoph et al. 2022 (ST-MoE), equation 5.
    """
    return _real_rows(routing.logits, attention_mask).logsumexp(dim=-1).square().mean()


class RouterStatistics(NamedTuple):
    """How one layer's router behaves. For what each token chose, see `Routing.experts`."""

    load: Tensor  # (E,) share of the choices that each expert received; sums to 1
    entropy: float  # mean over tokens of the entropy of the router's probabilities, in nats: 0 sure, ln(E) undecided
    utilization: float  # share of the experts that received any token
    max_load: float  # the busiest expert's load over the even share: 1 balanced, E/k at worst
    dropped: float  # share of the choices that found their expert full


@torch.no_grad()
def router_statistics(routing: Routing, *, attention_mask: Tensor | None = None) -> RouterStatistics:
    """Summarise one layer's routing; padding is left out where a mask (B, T) is given, except from `dropped`."""
    probs = _real_rows(routing.probs, attention_mask)  # (N, E)
    experts = _real_rows(routing.experts, attention_mask)  # (N, k)
    n_experts = probs.size(1)
    load = torch.bincount(experts.flatten(), minlength=n_experts) / experts.numel()  # (E,)
    return RouterStatistics(
        load=load,
        entropy=torch.special.entr(probs).sum(dim=-1).mean().item(),
        utilization=(load > 0).float().mean().item(),
        max_load=(load.max() * n_experts).item(),
        dropped=routing.dropped.item() / routing.experts.numel(),
    )


def build_model(
    config: ModelConfig,
    *,
    seed: int = 1,
    attend: Attend = attend,
    rotate: Rotate = apply_rope,
    norm: Norm = RMSNorm,
    route: Route = route_top_k,
    dispatch: Dispatch = dispatch_sorted,
    layer: FeedForward | None = None,
) -> Decoder:
    """The decoder that `config` describes: Mixture of Experts, or dense where `n_experts` is 0.

    Args:
        config: its shape.
        seed: decides the initial weights.
        attend: replaces `storyteller.transformer.attention.attend`.
        rotate: replaces `storyteller.transformer.attention.apply_rope`.
        norm: replaces `storyteller.transformer.decoder.RMSNorm`.
        route: replaces `route_top_k`.
        dispatch: replaces `dispatch_sorted`.
        layer: replaces `MoELayer`, with its route and dispatch.
    """
    sparse = layer or partial(MoELayer, route=route, dispatch=dispatch)
    feed_forward = sparse if config.n_experts else SwiGLU
    return Decoder(config, seed=seed, attend=attend, rotate=rotate, norm=norm, feed_forward=feed_forward)
