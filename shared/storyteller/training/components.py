"""The functions that a trainer works with, each of which can be another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.training.batches import Batch
from storyteller.training.events import StepLosses
from storyteller.training.losses import Loss, RouterLoss, cross_entropy
from storyteller.training.optim import (
    Clip,
    Groups,
    OptimizerFactory,
    Schedule,
    adamw,
    clip_gradients,
    cosine_schedule,
    parameter_groups,
)

if TYPE_CHECKING:
    from storyteller.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class TrainerComponents:
    """The functions that a trainer works with: the library's, or others that are called in the same way."""

    loss: Loss = cross_entropy
    load_balancing_loss: RouterLoss = load_balancing_loss  # of one layer
    router_z_loss: RouterLoss = router_z_loss  # of one layer
    parameter_groups: Groups = parameter_groups
    optimizer: OptimizerFactory = adamw
    clip_gradients: Clip = clip_gradients
    schedule: Schedule = cosine_schedule
    # Given the trainer and the batches of a step, leaves the gradients in the model: in place of the trainer's own
    # passes, except under float16, where the loss has to be scaled.
    gradients: Callable[["Trainer", Sequence[Batch]], StepLosses] | None = None


LIBRARY_COMPONENTS = TrainerComponents()
