"""What happened in a run, step by step, for its pictures; kept in the run's folder."""

import json
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch

from storyteller.training.events import Event, StepDone
from storyteller.transformer.decoder import Output
from storyteller.utils.atomic_io import write_json

FILE = "capstone.json"
POINTS = 200  # at most, of the experts' loads


@dataclass(kw_only=True)
class History:
    """One number a step, from the first on; of the loads, now and then a share for each layer and expert.

    In a run that goes on from a checkpoint it forgets the steps that are made again.
    """

    loss: list[float] = field(default_factory=list)
    balance: list[float] = field(default_factory=list)  # mean over the layers
    learning_rate: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)  # steps of the whole run, as planned when the step was made
    loads: list[list[list[float]]] = field(default_factory=list)  # point -> layer -> expert
    load_steps: list[int] = field(default_factory=list)  # the step of each point
    calls: Counter[str] = field(default_factory=Counter)  # how often each of the student's parts was called
    _routing: list[Any] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        """Note one event of a trainer."""
        if not isinstance(event, StepDone):
            return
        self._forget_from(event.step)
        self.loss.append(event.loss)
        self.balance.append(sum(event.balance_losses) / max(1, len(event.balance_losses)))
        self.learning_rate.append(event.learning_rate)
        self.gradient_norm.append(event.gradient_norm)
        self.planned.append(event.steps)
        if event.step % max(1, event.steps // POINTS) == 0 and self._routing:
            self.loads.append([_load(layer) for layer in self._routing])
            self.load_steps.append(event.step)

    def _forget_from(self, step: int) -> None:
        for series in (self.loss, self.balance, self.learning_rate, self.gradient_norm, self.planned):
            del series[step - 1 :]
        points = bisect_left(self.load_steps, step)
        del self.loads[points:], self.load_steps[points:]

    @property
    def replanned(self) -> list[int]:
        """The first steps after the run was made shorter or longer, as the machine's pace was not that of the trial."""
        return [step for step, (was, now) in enumerate(pairwise(self.planned), start=2) if now != was]

    def record_routing(self, module: Any, arguments: Any, output: Output) -> None:
        """A hook of the model: keep the routing of the latest pass in training."""
        if module.training:
            self._routing = list(output.routing)

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        write_json(folder / FILE, {name: value for name, value in vars(self).items() if not name.startswith("_")})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from the run's folder; empty where there is none, or it is damaged."""
        try:
            values = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(**{**values, "calls": Counter(values["calls"])})
        except (OSError, ValueError, TypeError, KeyError):
            return cls()


def _load(layer: Any) -> list[float]:
    """The share of the routed tokens that each expert of a layer received."""
    counts = torch.bincount(layer.expert_ids.flatten(), minlength=layer.logits.size(1))
    share: list[float] = (counts / layer.expert_ids.numel()).tolist()
    return share
