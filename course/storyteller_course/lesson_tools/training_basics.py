"""Lesson 04: the library's model as the lesson calls it, a step as the library's trainer takes it, and peak memory."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch._dynamo  # seconds that the first optimizer would take in the middle of a timed check
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from storyteller.config import TrainConfig
from storyteller.moe.losses import load_balancing_loss
from storyteller.training.optim import OptimizerFactory
from storyteller.transformer.decoder import Decoder

Pair = tuple[Tensor, Tensor]  # inputs and targets, (B, T) int64 each


class WithBalance(nn.Module):
    """The library's model as this lesson calls it: logits, and the weighted load-balance loss of all layers."""

    def __init__(self, model: Decoder, *, balance_weight: float = 0.01) -> None:
        super().__init__()
        self.model, self.balance_weight = model, balance_weight

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to logits (B, T, V) and ()."""
        logits, routing = self.model(ids)
        total = sum((load_balancing_loss(layer.probs, layer.expert_ids) for layer in routing), logits.new_zeros(()))
        return logits, self.balance_weight * total


class PeakMemory(TorchDispatchMode):
    """Within it, the bytes of all tensors made and not yet let go are counted; `peak` is the most at any moment.

    It sees every operation, those of the backward pass included, and a storage that several tensors share once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 0, 0
        self.known: dict[int, weakref.ref] = {}  # storages, by identity

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._note(value.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return

        def gone(_: Any) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


class _StepByStep(torch.optim.Optimizer):
    """An optimizer that updates each parameter with a function such as `adamw_step`."""

    def __init__(self, groups: Iterable[dict[str, Any]], step_function: Callable[..., Any], options: dict[str, Any]):
        super().__init__(groups, options)
        self.step_function = step_function

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            options = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    new, state = self.step_function(parameter, parameter.grad, self.state[parameter], **options)
                    parameter.copy_(new)
                    self.state[parameter] = state


def as_optimizer(step_function: Callable[..., Any]) -> OptimizerFactory:
    """Make what `Trainer` takes as its `optimizer` out of a function such as `adamw_step`."""

    def build(groups: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
        options = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "eps": 1e-8, "weight_decay": 0.0}
        return _StepByStep(groups, step_function, options)

    return build
