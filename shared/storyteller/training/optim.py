"""The parts of an update: which weights decay, AdamW, the learning rate at each step, and clipping.

>>> [round(cosine_schedule(step, steps=6, warmup=2, final=0.1), 3) for step in range(6)]
[0.5, 1.0, 0.868, 0.55, 0.232, 0.1]
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from storyteller.config import TrainConfig

Schedule = Callable[..., float]  # called as cosine_schedule is
Groups = Callable[[nn.Module, float], list[dict[str, Any]]]  # called as parameter_groups is
Clip = Callable[[Iterable[nn.Parameter], float], Tensor]  # called as clip_gradients is
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


def cosine_schedule(step: int, *, steps: int, warmup: int, final: float) -> float:
    """The learning rate of a step as a share of the highest one: a straight climb, then half a cosine down.

    Args:
        step: updates already made; the first step is 0 and the last `steps - 1`.
        steps: updates in the whole run.
        warmup: updates in the climb. The first has the share 1 / warmup, the last of them 1.
        final: the share of the very last update.

    Source: SGDR (Loshchilov and Hutter, equation 5), without restarts.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = (step + 1 - warmup) / max(1, steps - warmup)  # 1 at the last step
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Shorten the gradient of all parameters, taken as one long vector, to at most `max_norm`, in place.

    The direction stays. A gradient that is short enough is not touched. A norm that is not finite is returned as it is
    and nothing is changed; the caller must not make the update.

    Returns:
        the norm before clipping, ().

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", algorithm 1.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(())
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    if torch.isfinite(norm) and norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
    return norm
