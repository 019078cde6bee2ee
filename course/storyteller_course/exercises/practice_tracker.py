"""A tracker to practise with: it has the functions of MLflow that lesson 05 uses, and keeps what it is told in a list.

tracker = PracticeTracker()
with tracker.start_run(run_name="first"):
    tracker.log_params({"learning_rate": 0.004})
    tracker.log_metrics({"bits_per_byte": 0.31})
tracker.record()  # [{"name": "first", "params": {...}, "metrics": {...}, "status": "FINISHED"}]
"""

import copy
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from storyteller.errors import StorytellerError


class PracticeTracker:
    """Keeps runs as MLflow does, in memory: one is open at a time, and a parameter never changes its value."""

    def __init__(self) -> None:
        self._runs: list[dict[str, Any]] = []

    def start_run(self, *, run_name: str = "") -> "OpenRun":
        """Open a run; as a context manager it ends with the block, and has failed if an error left it.

        Raises:
            StorytellerError: another run is open.
        """
        if self._runs and self._runs[-1]["status"] == "RUNNING":
            raise StorytellerError(
                f"The run {self._runs[-1]['name']!r} is still open: end it before another is started, as `with` does."
            )
        self._runs.append({"name": run_name, "params": {}, "metrics": {}, "status": "RUNNING"})
        return OpenRun(self)

    def end_run(self, status: str = "FINISHED") -> None:
        """Close the open run, if there is one."""
        if self._runs and self._runs[-1]["status"] == "RUNNING":
            self._runs[-1]["status"] = status

    def log_param(self, key: str, value: Any) -> None:
        """Note one setting; see `log_params`."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings of the open run.

        Raises:
            StorytellerError: no run is open, or it has another value for one of them.
        """
        known = self._open()["params"]
        for name, value in params.items():
            if name in known and known[name] != value:
                raise StorytellerError(f"{name} is {known[name]!r} in this run and stays so: {value!r} needs another.")
            known[name] = copy.deepcopy(value)

    def log_metric(self, key: str, value: float) -> None:
        """Note one measurement; see `log_metrics`."""
        self.log_metrics({key: value})

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Note measurements of the open run.

        Raises:
            StorytellerError: no run is open, or one of them is no number.
        """
        known = self._open()["metrics"]
        for name, value in metrics.items():
            if not isinstance(value, int | float):
                raise StorytellerError(f"The metric {name} is {value!r}; a metric is a number.")
            known[name] = float(value)

    def record(self) -> list[dict[str, Any]]:
        """All runs: "name", "params", "metrics" and "status" of each."""
        return copy.deepcopy(self._runs)

    def _open(self) -> dict[str, Any]:
        if not self._runs or self._runs[-1]["status"] != "RUNNING":
            raise StorytellerError("No run is open: log between start_run and its end.")
        return self._runs[-1]


class OpenRun:
    """What `start_run` gives: the open run as a context manager."""

    def __init__(self, tracker: PracticeTracker) -> None:
        self._tracker = tracker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tracker.end_run("FINISHED" if kind is None else "FAILED")
