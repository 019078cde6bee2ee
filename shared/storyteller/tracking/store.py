"""Where runs are kept: a database in the folder one works in, or the server that MLFLOW_TRACKING_URI names."""

import importlib
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError, optional_import

EXPERIMENT = "storyteller"
DATABASE = "mlflow.db"  # MLflow's own default in a folder, so `mlflow ui` finds the runs too; artifacts go to ./mlruns
SERVERS = ("http://", "https://")

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
    return f"sqlite:///{(Path.cwd() / DATABASE).as_posix()}"


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
    """An MlflowClient for a store; nothing is asked of it yet.

    Raises:
        StorytellerError: mlflow is not installed.
    """
    return load_mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)


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
