"""Mixture of Experts: many feed-forward parts a layer; each token is routed to only a few of them.

    >>> from storyteller.config import preset
    >>> import torch
    >>> model = build_model(preset("tiny").model, seed=1)
    >>> output = model(torch.tensor([[5, 6, 7]]))
    >>> len(output.routing), output.routing[0].expert_ids.shape  # 2 layers; 3 tokens, 2 experts each
    (2, torch.Size([3, 2]))

How the tokens get to their experts and back is in `storyteller.moe.dispatch`.

Legend: `N` = B*T tokens flattened, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that
a token is routed to.

Papers: Shazeer et al. 2017, "Outrageously Large Neural Networks" · Fedus et al. 2021, "Switch Transformers" · Zoph et
al. 2022, "ST-MoE" · Jiang et al. 2024, "Mixtral of Experts" · DeepSeek-AI 2024, "DeepSeek-V3 Technical Report".
"""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.moe.dispatch import Dispatch, Experts, choose_dispatch, dispatch_sorted, within_capacity
from storyteller.moe.router import BiasedRoute, Route, Router, Routing, log_scores, route_top_k, route_with_bias
from storyteller.transformer.attention import ApplyRope, Attend, apply_rope, attend
from storyteller.transformer.decoder import Decoder, FeedForward, Norm, RMSNorm, SwiGLU


class MoELayer(nn.Module):
    """The feed-forward part of a Mixtral layer: a router and E SwiGLU experts; each token is routed to k of them.

    With `config.capacity_factor`, an expert takes at most ceil(capacity_factor * N * k / E) choices in training; a
    choice beyond that is dropped, and the token keeps what its other experts and the residual stream give. The layer
    does not know padding: it takes places like any token. Outside of training nothing is dropped, or a text would
    depend on what is generated beside it.

    With `config.balance` "bias", experts are chosen by score plus `balance_bias`, (E,), which the trainer moves after
    each step. With `config.n_shared_experts`, each token also passes through a dense part of their width.

    Args:
        config: its shape.
        layer: the number of the layer, which makes no difference.
        route: called as `storyteller.moe.router.route_top_k`, where there is no bias.
        biased_route: called as `storyteller.moe.router.route_with_bias`, where there is one.
        dispatch: called as `storyteller.moe.dispatch.dispatch_sorted`; None for what `choose_dispatch` chooses.

    Source: Jiang et al. 2024 (Mixtral), section 2.1; DeepSeek-AI 2024 (DeepSeek-V3), section 2.1.2.
    """

    balance_bias: Tensor | None  # (E,)

    def __init__(
        self,
        config: ModelConfig,
        layer: int = 0,
        *,
        route: Route = route_top_k,
        biased_route: BiasedRoute = route_with_bias,
        dispatch: Dispatch | None = None,
    ) -> None:
        super().__init__()
        self.top_k, self.n_experts, self.capacity_factor = config.top_k, config.n_experts, config.capacity_factor
        self.router_kind = config.router
        self.router = Router(config)
        self.gate_up = nn.Parameter(torch.empty(config.n_experts, 2 * config.d_ff, config.d_model))
        self.down = nn.Parameter(torch.empty(config.n_experts, config.d_model, config.d_ff))
        nn.init.normal_(self.gate_up, std=config.init_std)
        nn.init.normal_(self.down, std=config.init_std)
        # A buffer: it has no gradient, and it belongs to a checkpoint.
        self.register_buffer("balance_bias", torch.zeros(config.n_experts) if config.balance == "bias" else None)
        width = config.n_shared_experts * config.d_ff
        self.shared = SwiGLU(replace(config, d_ff=width)) if width else None
        self.route, self.biased_route, self.dispatch = route, biased_route, dispatch

    def forward(self, x: Tensor) -> tuple[Tensor, Routing]:
        """(B, T, D) to (B, T, D), and what the router decided."""
        tokens = x.reshape(-1, x.size(-1))  # (N, D)
        logits = self.router(tokens)  # (N, E)
        scores = log_scores(logits, self.router_kind)  # (N, E), up to a constant for each token
        probs = scores.softmax(dim=-1)  # (N, E)
        if self.balance_bias is None:
            gate_weights, expert_ids = self.route(scores, self.top_k)  # (N, k) each
        else:
            positive = scores.exp() if self.router_kind == "sigmoid" else probs  # (N, E)
            gate_weights, expert_ids = self.biased_route(positive, self.balance_bias, self.top_k)  # (N, k) each
        kept_ids, dropped = expert_ids, expert_ids.new_zeros(())
        if self.training and self.capacity_factor is not None:
            capacity = math.ceil(self.capacity_factor * expert_ids.numel() / self.n_experts)
            kept = within_capacity(expert_ids, n_experts=self.n_experts, capacity=capacity)  # (N, k)
            gate_weights, kept_ids = gate_weights * kept, expert_ids.where(kept, self.n_experts)
            dropped = (~kept).sum()
        experts = Experts(self.gate_up, self.down)
        dispatch = self.dispatch or choose_dispatch(tokens, experts)
        y = dispatch(tokens, gate_weights, kept_ids, experts)  # (N, D)
        if self.shared is not None:
            y = y + self.shared(tokens)[0]  # (N, D)
        return y.view_as(x), Routing(logits, probs, gate_weights, expert_ids, dropped)


def build_model(
    config: ModelConfig,
    *,
    seed: int = 1,
    attend: Attend = attend,
    apply_rope: ApplyRope = apply_rope,
    norm: Norm = RMSNorm,
    route: Route = route_top_k,
    biased_route: BiasedRoute = route_with_bias,
    dispatch: Dispatch | None = None,
    layer: FeedForward | None = None,
    equivalent: bool = False,
) -> Decoder:
    """The decoder that `config` describes: Mixture of Experts, or dense where `n_experts` is 0.

    A part may be replaced for an experiment, or by a student's own code. The model then remembers it
    (`Decoder.replaced_parts`), and its checkpoints are only loaded into a model that is built of the same parts, since
    the library's would compute something else.

    Args:
        config: its shape.
        seed: decides the initial weights.
        attend: replaces `storyteller.transformer.attention.attend`.
        apply_rope: replaces `storyteller.transformer.attention.apply_rope`.
        norm: replaces `storyteller.transformer.decoder.RMSNorm`.
        route: replaces `route_top_k`.
        biased_route: replaces `route_with_bias`, in a model whose `balance` is "bias".
        dispatch: replaces what `storyteller.moe.dispatch.choose_dispatch` chooses.
        layer: replaces `MoELayer`, with its routes and dispatch.
        equivalent: the caller has checked that the parts given compute what the library's do, as the capstone of
            lesson 05 does with a student's. Then the model counts as the library's own, and so do its checkpoints.
    """
    sparse = layer or partial(MoELayer, route=route, biased_route=biased_route, dispatch=dispatch)
    feed_forward = sparse if config.n_experts else SwiGLU
    model = Decoder(config, seed=seed, attend=attend, apply_rope=apply_rope, norm=norm, feed_forward=feed_forward)
    replaced = [name for name in model.replaced_parts if name != "feed_forward"]
    if config.n_experts and layer not in (None, MoELayer):
        replaced.append("layer")
    elif config.n_experts:
        replaced += ["route"] * (route is not route_top_k) + ["dispatch"] * (dispatch not in (None, dispatch_sorted))
        replaced += ["biased_route"] * (biased_route is not route_with_bias)
    model.replaced_parts = () if equivalent else tuple(replaced)
    return model
