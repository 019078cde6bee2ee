"""Where runs are kept, a database in the current folder or the server that MLFLOW_TRACKING_URI names; and a run in it.

A training run's MLflow run is found again when training goes on, and started otherwise. `mlflow.json` in the training
run's folder names it, for each store:

    {"runs": {"sqlite:////home/ada/mlflow.db": "4f1c..."}}
"""

import importlib
import json
import os
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from storyteller.errors import StorytellerError, optional_import
from storyteller.utils.atomic_io import write_json

EXPERIMENT = "storyteller"
DATABASE = "mlflow.db"  # MLflow's own default in a folder, so `mlflow ui` finds the runs too; artifacts go to ./mlruns
FILE_DATABASE = "sqlite:///"
SERVERS = ("http://", "https://")
RUN_IDS_FILE = "mlflow.json"
MAX_POINTS_PER_REQUEST = 1_000  # metrics that MLflow takes at a time
MAX_PARAMETERS_PER_REQUEST = 100

# MLflow's own defaults wait up to two minutes for an answer, seven times; a training run should not hang on that.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",  # waits 0 and 2 seconds before the retries
    "MLFLOW_DISABLE_TELEMETRY": "true",  # MLflow reports its use to its makers otherwise
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # or it reports each table of a new database
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

Point = tuple[str, float, int, int]  # name, value, step, milliseconds since 1970


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A run in a store."""

    client: Any  # mlflow.MlflowClient
    uri: str  # of the store
    run_id: str
    logged: int  # the last step that the run knew of when it was opened; 0 for a new one


def quiet_mlflow(environment: MutableMapping[str, str]) -> None:
    """Make MLflow quiet, private and quick to give up, where the user has not decided otherwise."""
    for name, value in SETTINGS.items():
        environment.setdefault(name, value)


def store_uri(environment: MutableMapping[str, str] | None = None) -> str:
    """The store that is used here: MLFLOW_TRACKING_URI where it is set, else the database in the current folder.

    Raises:
        StorytellerError: the variable names a folder of files, which MLflow no longer writes to.
    """
    named = (os.environ if environment is None else environment).get("MLFLOW_TRACKING_URI", "").strip()
    if not named:
        return local_uri()
    if "://" not in named:
        raise StorytellerError(
            f"MLFLOW_TRACKING_URI is {named!r}, and MLflow keeps no runs in plain files any more: unset it for "
            f"{DATABASE} in this folder, or name a database (sqlite:///{DATABASE}) or a server (http://HOST:PORT)."
        )
    return named


def local_uri() -> str:
    """The database in the current folder, by its full path: a run may outlive a change of folder."""
    return database_uri(Path.cwd() / DATABASE)


def database_uri(path: Path) -> str:
    """The address of an SQLite database, as SQLAlchemy reads it, and with it MLflow and nbgrader.

    Of a path's characters only `%` and `?` mean something else there; the others stay readable.
    """
    return FILE_DATABASE + path.as_posix().replace("%", "%25").replace("?", "%3F")


@contextmanager
def store_lock(uri: str) -> Iterator[None]:
    """Context manager: nobody else makes or extends the tables of a database meanwhile.

    MLflow makes a new database in many steps, and so does whoever comes second while the first is at it: one of two
    would end in "duplicate column name". A server sees to that by itself.
    """
    if not uri.startswith(FILE_DATABASE):
        yield
        return
    file = Path(unquote(uri.removeprefix(FILE_DATABASE).partition("?")[0]))
    with optional_import("filelock", extra="track").FileLock(file.with_name(f".{file.name}.lock")):
        yield


def is_server(uri: str) -> bool:
    """Whether the store is on a server, which may be away."""
    return uri.startswith(SERVERS)


def load_mlflow(part: str = "mlflow") -> Any:
    """The package mlflow, or a module of it.

    Raises:
        StorytellerError: it is not installed.
    """
    quiet_mlflow(os.environ)  # MLflow reads some of them when it is imported
    optional_import("mlflow", extra="track")
    return importlib.import_module(part)


def connect(uri: str) -> Any:
    """An MlflowClient for a store, whose tables are there: a database is made where there is none.

    Raises:
        StorytellerError: mlflow is not installed.
    """
    mlflow = load_mlflow()
    with store_lock(uri):
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)  # the tables are made here
        if uri.startswith(FILE_DATABASE):
            client.search_experiments(max_results=1)  # or, by other versions, at the first request
    return client


def store_errors() -> tuple[type[Exception], ...]:
    """What is raised when a store is away or refuses; errors of the network are among OSError."""
    return (load_mlflow("mlflow.exceptions").MlflowException, OSError)


def experiment_id(client: Any, name: str, *, local: bool) -> str:
    """The id of the experiment of that name, which is made if need be.

    An experiment that a server made keeps its artifacts behind that server. Seen from the database alone they are out
    of reach, so such runs go into an experiment beside it.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and local and experiment.artifact_location.startswith("mlflow-artifacts:"):
        return experiment_id(client, f"{name}-local", local=True)
    return str(client.create_experiment(name) if experiment is None else experiment.experiment_id)


def find_or_start(
    uri: str, *, folder: Path | None, resumed: bool, experiment: str, name: str, parameters: Mapping[str, Any]
) -> OpenRun:
    """The run to log to: where training goes on, the one that it began with; otherwise a new one."""
    client = connect(uri)
    known = _read_run_ids(folder) if resumed else {}
    run = _find(client, known.get(uri))
    if run is None:
        tags = {"mlflow.runName": name}
        if others := [f"{run_id} in {store}" for store, run_id in known.items() if store != uri]:
            tags["continues"] = others[-1]  # the server that had it is away
        with store_lock(uri):  # two that come at once would make it twice
            experiment_of_run = experiment_id(client, experiment, local=not is_server(uri))
        run = client.create_run(experiment_of_run, tags=tags, run_name=name)
    run_id = run.info.run_id
    client.update_run(run_id, status="RUNNING")
    _log_parameters(client, run_id, parameters, known=run.data.params)
    if folder is not None:
        write_json(folder / RUN_IDS_FILE, {"runs": {**known, uri: run_id}})
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


def _read_run_ids(folder: Path | None) -> dict[str, str]:
    """Store -> run id; empty where nothing was noted, or the file is not ours."""
    if folder is None or not (folder / RUN_IDS_FILE).is_file():
        return {}
    try:
        runs = json.loads((folder / RUN_IDS_FILE).read_text(encoding="utf-8"))["runs"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {str(uri): str(run_id) for uri, run_id in runs.items()} if isinstance(runs, dict) else {}
