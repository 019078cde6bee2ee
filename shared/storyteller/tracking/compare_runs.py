"""Two runs side by side: in which settings they differ, and the results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.figures.display import table
from storyteller.tracking.store import EXPERIMENT, connect, store_uri

# What is worth reading in one table; the rest is on MLflow's pages.
MEASURES = ("loss", "gradient_norm", "tokens_per_second", "validation/", "router/")
LEFT_OUT = ("/load/",)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a comparison; None where a run has no such value."""

    name: str
    first: str | float | None
    second: str | float | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs side by side."""

    names: tuple[str, str]
    parameters: tuple[Row, ...]  # those that differ
    metrics: tuple[Row, ...]  # the last value of each

    def show(self) -> None:
        """Show both tables in the notebook."""
        for what, rows in (("parameter", self.parameters), ("metric", self.metrics)):
            cells = [[row.name, *("" if value is None else value for value in (row.first, row.second))] for row in rows]
            table(cells or [["(no difference)", "", ""]], header=[what, *self.names])


def compare_runs(first: str, second: str, *, experiment: str = EXPERIMENT, uri: str | None = None) -> Comparison:
    """Compare two runs, each given by its name (the newest of that name) or its id.

    Raises:
        StorytellerError: mlflow is not installed, or there is no such run.
    """
    runs = [_find(name, experiment, uri) for name in (first, second)]
    settings, results = ([run.data.params for run in runs], [run.data.metrics for run in runs])
    parameters = _rows(*settings, names=sorted({*settings[0], *settings[1]}))
    shown = [
        name
        for name in sorted({*results[0], *results[1]})
        if name.startswith(MEASURES) and not any(part in name for part in LEFT_OUT)
    ]
    return Comparison(
        names=(runs[0].info.run_name, runs[1].info.run_name),
        parameters=tuple(row for row in parameters if row.first != row.second),
        metrics=tuple(_rows(*results, names=shown)),
    )


def list_runs(*, experiment: str = EXPERIMENT, uri: str | None = None) -> list[Any]:
    """The runs of an experiment, the newest first, as MLflow describes them (`.info`, `.data.params`, `.data.metrics`).

    Raises:
        StorytellerError: mlflow is not installed.
    """
    client = connect(uri or store_uri())
    experiments = [client.get_experiment_by_name(name) for name in (experiment, f"{experiment}-local")]
    ids = [known.experiment_id for known in experiments if known is not None]
    return list(client.search_runs(ids, order_by=["attributes.start_time DESC"])) if ids else []


def _find(name: str, experiment: str, uri: str | None) -> Any:
    runs = list_runs(experiment=experiment, uri=uri)
    for run in runs:
        if name in (run.info.run_id, run.info.run_name):
            return run
    names = ", ".join(dict.fromkeys(run.info.run_name for run in runs)) or "none yet"
    raise StorytellerError(f"There is no run {name!r} in the experiment {experiment!r}; its runs: {names}.")


def _rows(first: dict[str, Any], second: dict[str, Any], *, names: Sequence[str]) -> list[Row]:
    return [Row(name=name, first=first.get(name), second=second.get(name)) for name in names]
