"""Lesson 04's answers in their plain form.

What stands in `storyteller_course.parts.training_basics` in the same form is re-exported from there.
"""

import math

import torch
from torch import Tensor, nn

from storyteller_course.parts.training_basics import (
    IGNORE_INDEX,
    Checkpoint,
    Pair,
    accumulate,
    adamw_step,
    clip_gradients,
    evaluate,
    pack,
    train,
    update_scale,
)

__all__ = [
    "IGNORE_INDEX",
    "Checkpoint",
    "Pair",
    "accumulate",
    "adamw_step",
    "clip_gradients",
    "cross_entropy",
    "decay_groups",
    "evaluate",
    "learning_rate",
    "pack",
    "train",
    "update_scale",
]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean surprise -log p(target), in nats, of the targets that count.

    Args:
        logits: (B, T, V), in any floating-point type.
        targets: (B, T) int64; -100 (`IGNORE_INDEX`) where there is nothing to predict.

    Returns:
        (), in float32 at least; 0 where no target counts.
    """
    # Step 1: Into float32 where the logits are coarser: a sum over a whole vocabulary needs the digits.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    # Step 2: log p of each token: its logit minus the logsumexp of all.
    log_p = logits - logits.logsumexp(dim=-1, keepdim=True)  # (B, T, V)
    # Step 3: Which targets count? Keep their places only.
    counted = targets != IGNORE_INDEX
    # Step 4: At each of these places the log p of its target.
    chosen = log_p[counted].gather(-1, targets[counted][:, None])  # (targets that count, 1)
    # Step 5: The mean of -log p; without any target it is 0.
    return -chosen.sum() / max(1, len(chosen))


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Split a model's parameters into those that decay and those that do not.

    Args:
        model: any model. Parameters that are not trained are left out, and a weight that two layers share counts once.
        weight_decay: of the first group.

    Returns:
        Two groups for an optimizer, {"params": [...], "weight_decay": ...}: first the matrices, then the vectors (norms
        and biases) with a decay of 0. Both keep the order of `model.parameters()`.
    """
    # Matrices decay, and nothing else does.
    decay, rest = [], []
    for parameter in model.parameters():
        if parameter.requires_grad:
            group = decay if parameter.dim() >= 2 else rest
            group.append(parameter)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def learning_rate(step: int, *, steps: int, warmup: int, final: float) -> float:
    """The learning rate of an update, as a share of the highest one.

    Args:
        step: updates already made: 0 for the first update, steps - 1 for the last.
        steps: updates in the whole run.
        warmup: updates in the climb; 0 for none. The first has the share 1 / warmup, the last of them the share 1.
        final: the share of the very last update.

    Returns:
        A share between 0 and 1. Whoever goes on after the last update stays at the final share.
    """
    # Step 1: In the warmup: a straight line that reaches 1 with the last of its updates.
    if step < warmup:
        return (step + 1) / warmup
    # Step 2: Afterwards: how much of the way down is done, p, which is 1 for the very last update, and not more later?
    done = min(1.0, (step + 1 - warmup) / max(1, steps - warmup))
    # Step 3: Half a cosine from 1 down to final.
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
