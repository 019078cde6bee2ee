"""The experts that a token was routed to when a story was told, kept for the update that learns from it.

An update changes the router too. So in a later pass over the same stories a near tie between two experts may fall the
other way, and a token's probability jumps although hardly any weight has changed. Where the experts are replayed, only
the weights of the chosen ones are computed anew: the ratio of two probabilities stays smooth, and the router still
learns how much each expert counts.

Source: Zheng et al. 2025, "Group Sequence Policy Optimization", section 5.3 ("Routing Replay").
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from storyteller.moe.layer import MoELayer
from storyteller.moe.router import Route
from storyteller.transformer.decoder import Decoder


class ReplayedRoute:
    """A layer's `route`: that of before, or, while experts are given on this thread, those."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.given = threading.local()  # passes run side by side, each with stories of its own

    def __call__(self, log_scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """(N, E) to gate weights and expert ids, (N, k) each."""
        expert_ids: Tensor | None = getattr(self.given, "expert_ids", None)
        if expert_ids is None:
            return self.route(log_scores, k)
        return log_scores.gather(1, expert_ids).softmax(dim=-1), expert_ids


@contextmanager
def replay(model: Decoder, expert_ids: Tensor) -> Iterator[None]:
    """Context manager: on this thread, the model's tokens are routed to these experts.

    Args:
        model: whose layers are the library's `MoELayer`; `route` of each becomes a `ReplayedRoute`, and stays one.
        expert_ids: (layers, B, T, k), of every MoE layer.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, MoELayer)]
    routes = []
    for layer, ids in zip(layers, expert_ids, strict=True):
        if not isinstance(layer.route, ReplayedRoute):
            layer.route = ReplayedRoute(layer.route)
        layer.route.given.expert_ids = ids.flatten(0, 1)  # (N, k)
        routes.append(layer.route)
    try:
        yield
    finally:
        for route in routes:
            route.given.expert_ids = None
