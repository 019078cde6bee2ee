"""The events of a training run, for a progress bar, MLflow or a plot, and the figures of a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from storyteller.training.losses import Metrics


@dataclass(frozen=True, kw_only=True)
class StepLosses:
    """The losses of one step, averaged over its targets or tokens."""

    loss: float  # cross-entropy in nats a token
    balance_losses: tuple[float, ...]  # load-balancing loss of each MoE layer
    router_z_loss: float  # summed over the layers
    n_targets: int


class Update(NamedTuple):
    """What was done to the weights in one step."""

    learning_rate: float
    gradient_norm: float  # before clipping
    skipped: bool  # float16 only: the gradient overflowed, so the weights stayed


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """The weights were updated once."""

    step: int  # updates made so far
    steps: int  # updates in the whole run
    loss: float  # cross-entropy in nats a token, without the auxiliary losses
    balance_losses: tuple[float, ...]  # load-balance loss of each MoE layer; top_k is perfectly balanced
    router_z_loss: float  # router z-loss, summed over the layers
    learning_rate: float
    gradient_norm: float  # before clipping
    skipped: bool  # float16 only: the gradient overflowed, so the weights stayed and the loss's scale was lowered
    tokens: int  # targets seen so far
    tokens_per_second: float  # over the last steps
    seconds_left: float  # at this pace, evaluations and checkpoints not counted
    figures: Mapping[str, float] = field(default_factory=dict)  # what else a kind of training tells, such as the reward


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The validation split was measured."""

    step: int
    metrics: Metrics


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A checkpoint was written."""

    step: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class Message:
    """Something happened that the user should know."""

    text: str


Event = StepDone | Evaluated | Saved | Message


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a run ended."""

    step: int  # updates made
    interrupted: bool  # stopped by Ctrl-C before the last step; a checkpoint was kept
    metrics: Metrics | None  # the last evaluation
    checkpoint: Path | None  # the last checkpoint
