"""`storyteller mlflow`: MLflow's own pages, on the store that runs are tracked in from here."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from storyteller.cli.serve import address_of, refuse_taken_port

PORT = 8080


def mlflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="where to listen")] = PORT,
    host: Annotated[str, typer.Option(help="who may look: 127.0.0.1 is this machine only")] = "127.0.0.1",
) -> None:
    """Show the tracked runs in MLflow's pages, until Ctrl-C."""
    from storyteller.tracking.store import EXPERIMENT, connect, is_server, quiet_mlflow, store_uri

    uri = store_uri()
    if is_server(uri):
        print(f"MLFLOW_TRACKING_URI names the server {uri}: its pages are there.")
        return
    refuse_taken_port(host, port)
    # A new database is made here, under a lock, not by the server.
    experiment = connect(uri).get_experiment_by_name(EXPERIMENT)
    environment = dict(os.environ)
    quiet_mlflow(environment)
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # workers that nothing here needs
    environment.setdefault("PYTHONWARNINGS", "ignore")  # of its own parts, about their own parts
    page = f"/#/experiments/{experiment.experiment_id}" if experiment else ""
    print(f"The runs of {uri} at {address_of(host, port)}{page} (Ctrl-C ends it)", flush=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the server ends too
    server = subprocess.Popen(server_command(uri, host=host, port=port), env=environment)
    try:
        code = server.wait()
    except KeyboardInterrupt:  # the server had it too, and ends by itself
        server.wait()
        return
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()
    raise typer.Exit(code)


def server_command(uri: str, *, host: str, port: int) -> Sequence[str]:
    """The command that serves a store with one worker.

    Artifacts of new experiments go where a run without a server puts them, so that either finds the other's.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    return [*command, "--default-artifact-root", "./mlruns", "--host", host, "--port", str(port)]
