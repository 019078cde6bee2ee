"""The parts of an update: which weights decay, AdamW, the learning rate at each step, and clipping.

>>> [round(cosine_schedule(step, steps=6, warmup=2, min_lr_ratio=0.1), 3) for step in range(6)]
[0.5, 1.0, 0.868, 0.55, 0.232, 0.1]
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from storyteller.config import TrainConfig

Schedule = Callable[..., float]  # called as cosine_schedule is
Groups = Callable[[nn.Module, float], list[dict[str, Any]]]  # called as parameter_groups is
Clip = Callable[[list[Tensor], float], tuple[Tensor, Sequence[Tensor]]]  # called as clip_gradients is
OptimizerFactory = Callable[[list[dict[str, Any]], TrainConfig], torch.optim.Optimizer]  # called as adamw is


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the parameters into those that decay and those that do not.

    Whatever has two dimensions or more decays: it is a matrix (or a stack of matrices, one for each expert), and large
    entries there make the output large. The gains of the norms are vectors and keep their size (GPT-3, appendix B;
    nanoGPT). A weight that two layers share counts once. The order is the model's own, so it is the same in every run.

    Returns:
        Two groups for a PyTorch optimizer, `{"params": [...], "weight_decay": ...}`: matrices, then vectors.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]  # parameters() skips repeats
    return [
        {"params": [parameter for parameter in trained if parameter.dim() >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.dim() < 2], "weight_decay": 0.0},
    ]


def adamw(groups: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW with the config's settings (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2)."""
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, eps=1e-8, fused=True)


def cosine_schedule(step: int, *, steps: int, warmup: int, min_lr_ratio: float) -> float:
    """The learning rate of a step as a share of the highest one: a straight climb, then half a cosine down.

    Args:
        step: updates already made; the first step is 0 and the last `steps - 1`.
        steps: updates in the whole run.
        warmup: updates in the climb. The first has the share 1 / warmup, the last of them 1.
        min_lr_ratio: the share of the very last update.

    Source: SGDR (Loshchilov and Hutter, equation 5), without restarts.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = (step + 1 - warmup) / max(1, steps - warmup)  # 1 at the last step
    return min_lr_ratio + (1 - min_lr_ratio) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def clip_gradients(gradients: Sequence[Tensor], max_norm: float) -> tuple[Tensor, Sequence[Tensor]]:
    """Shorten the gradients of all parameters, taken as one long vector, to at most `max_norm`.

    The direction stays. Where the length is not finite the caller must not make the update.

    Args:
        gradients: of any shapes; they are not changed.
        max_norm: the greatest length.

    Returns:
        The length before, (), and the gradients after: the same ones where they are short enough or not finite.

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", algorithm 1.
    """
    if not gradients:
        return torch.zeros(()), gradients
    if not gradients[0].is_cpu:
        return clip_without_waiting(gradients, max_norm)
    norm = _length(gradients)
    if norm <= max_norm or not torch.isfinite(norm):
        return norm, gradients
    return norm, [gradient * (max_norm / norm) for gradient in gradients]


def clip_without_waiting(gradients: Sequence[Tensor], max_norm: float) -> tuple[Tensor, Sequence[Tensor]]:
    """The same, to the last bit, without a look at the length: only a GPU that is waited for could say it.

    So gradients that are short enough, or not finite, are multiplied by 1.
    """
    norm = _length(gradients)
    factor = (max_norm / norm).clamp(max=1).where(torch.isfinite(norm), 1)  # ()
    return norm, [gradient * factor for gradient in gradients]


def _length(gradients: Sequence[Tensor]) -> Tensor:
    lengths = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    length: Tensor = torch.linalg.vector_norm(torch.stack(lengths))  # ()
    return length


StepFunction = Callable[..., tuple[Tensor, dict[str, Any]]]  # (parameter, gradient, state, *, lr, ...) -> (new, state)


class FunctionalOptimizer(torch.optim.Optimizer):
    """An optimizer that updates each parameter with a function, such as lesson 04's `adamw_step`.

    Args:
        groups: from `parameter_groups`; each gives the function its `lr`, `betas`, `eps` and `weight_decay`.
        step_function: `(parameter, gradient, state, *, lr, betas, eps, weight_decay) -> (parameter, state)`; the state
            is {} before the first step.
        config: the settings.
    """

    def __init__(self, groups: list[dict[str, Any]], step_function: StepFunction, config: TrainConfig) -> None:
        betas = (config.beta1, config.beta2)
        super().__init__(groups, {"lr": config.learning_rate, "betas": betas, "eps": 1e-8, "weight_decay": 0.0})
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


def as_optimizer(step_function: StepFunction) -> OptimizerFactory:
    """What is called as `adamw`, from a function that updates one parameter."""
    return lambda groups, config: FunctionalOptimizer(groups, step_function, config)
