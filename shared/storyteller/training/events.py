"""The events of a training run, for a progress bar, MLflow or a plot, and the figures of a step."""

from collections import deque
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


class Pace:
    """Makes the events of a run's steps, with the pace of the last 20 in each."""

    def __init__(self) -> None:
        self._last: deque[tuple[int, float]] = deque(maxlen=20)  # targets and seconds of each

    def step_done(
        self,
        losses: StepLosses,
        update: Update,
        *,
        step: int,
        steps: int,
        tokens: int,
        seconds: float,
        figures: Mapping[str, float] | None = None,
    ) -> StepDone:
        """The event of a step that took so many seconds; the rest as in `StepDone`."""
        self._last.append((losses.n_targets, seconds))
        n_tokens, n_seconds = (sum(column) for column in zip(*self._last, strict=True))
        return StepDone(
            step=step,
            steps=steps,
            loss=losses.loss,
            balance_losses=losses.balance_losses,
            router_z_loss=losses.router_z_loss,
            learning_rate=update.learning_rate,
            gradient_norm=update.gradient_norm,
            skipped=update.skipped,
            tokens=tokens,
            tokens_per_second=n_tokens / n_seconds,
            seconds_left=(steps - step) * n_seconds / len(self._last),
            figures=figures or {},
        )


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
