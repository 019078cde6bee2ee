"""A training run's MLflow run: found again when training goes on, started otherwise.

`mlflow.json` in the training run's folder names it, for each store:

    {"runs": {"sqlite:////home/ada/mlflow.db": "4f1c..."}}
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storyteller.tracking.background_writer import OpenRun
from storyteller.tracking.store import connect, experiment_id, is_server, load_mlflow
from storyteller.utils.atomic_io import write_json

NAMES = "mlflow.json"
MAX_POINTS_PER_REQUEST = 1_000  # metrics that MLflow takes at a time
MAX_PARAMETERS_PER_REQUEST = 100

Point = tuple[str, float, int, int]  # name, value, step, milliseconds since 1970


def find_or_start(
    uri: str, *, folder: Path | None, resumed: bool, experiment: str, name: str, parameters: Mapping[str, Any]
) -> OpenRun:
    """The run to log to: where training goes on, the one that it began with; otherwise a new one."""
    client = connect(uri)
    known = _read_names(folder) if resumed else {}
    run = _find(client, known.get(uri))
    if run is None:
        tags = {"mlflow.runName": name}
        if others := [f"{run_id} in {store}" for store, run_id in known.items() if store != uri]:
            tags["continues"] = others[-1]  # the server that had it is away
        experiment_of_run = experiment_id(client, experiment, local=not is_server(uri))
        run = client.create_run(experiment_of_run, tags=tags, run_name=name)
    run_id = run.info.run_id
    client.update_run(run_id, status="RUNNING")
    _log_parameters(client, run_id, parameters, known=run.data.params)
    if folder is not None:
        write_json(folder / NAMES, {"runs": {**known, uri: run_id}})
    steps = [point.step for point in client.get_metric_history(run_id, "loss")] if "loss" in run.data.metrics else []
    return OpenRun(client=client, uri=uri, run_id=run_id, logged=int(max(steps, default=0)))


def log_points(run: OpenRun, points: Sequence[Point], *, again: bool = False) -> None:
    """Write figures by step. Steps that the run knows are left out, unless `again` asks for them.

    Training that was killed goes on at its last checkpoint and makes some steps a second time; bit for bit the same.
    """
    metric = load_mlflow("mlflow.entities").Metric
    new = [metric(name, value, now, step) for name, value, step, now in points if again or step > run.logged]
    for first in range(0, len(new), MAX_POINTS_PER_REQUEST):
        run.client.log_batch(run.run_id, metrics=new[first : first + MAX_POINTS_PER_REQUEST])


def now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return round(time.time() * 1000)


def _find(client: Any, run_id: str | None) -> Any:
    """The run of that id; None where the store has none, or it was deleted there."""
    if run_id is None:
        return None
    exceptions = load_mlflow("mlflow.exceptions")
    try:
        run = client.get_run(run_id)
    except exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return run if run.info.lifecycle_stage == "active" else None


def _log_parameters(client: Any, run_id: str, parameters: Mapping[str, Any], *, known: Mapping[str, str]) -> None:
    """Write what is new. MLflow's parameters never change; what training goes on with instead becomes a tag."""
    entities = load_mlflow("mlflow.entities")
    new = [entities.Param(name, str(value)) for name, value in parameters.items() if name not in known]
    changed = [
        entities.RunTag(f"changed.{name}", str(value))
        for name, value in parameters.items()
        if known.get(name, str(value)) != str(value)
    ]
    for first in range(0, len(new), MAX_PARAMETERS_PER_REQUEST):
        client.log_batch(run_id, params=new[first : first + MAX_PARAMETERS_PER_REQUEST])
    if changed:
        client.log_batch(run_id, tags=changed)


def _read_names(folder: Path | None) -> dict[str, str]:
    """Store -> run id; empty where nothing was noted, or the file is not ours."""
    if folder is None or not (folder / NAMES).is_file():
        return {}
    try:
        runs = json.loads((folder / NAMES).read_text(encoding="utf-8"))["runs"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {str(uri): str(run_id) for uri, run_id in runs.items()} if isinstance(runs, dict) else {}
