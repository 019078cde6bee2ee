"""`storyteller mlflow`: MLflow's own pages, on the store that runs are tracked in from here."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from storyteller.errors import StorytellerError

PORT = 8080


def mlflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="where to listen")] = PORT,
    host: Annotated[str, typer.Option(help="who may look: 127.0.0.1 is this machine only")] = "127.0.0.1",
) -> None:
    """Show the tracked runs in MLflow's pages, until Ctrl-C."""
    from storyteller.runstore import is_server, load_mlflow, settle, store_uri

    uri = store_uri()
    if is_server(uri):
        print(f"MLFLOW_TRACKING_URI names the server {uri}: its pages are there.")
        return
    refuse_taken_port(host, port)
    load_mlflow()
    environment = dict(os.environ)
    settle(environment)
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # workers that nothing here needs
    print(f"The runs of {uri} at http://{host}:{port} (Ctrl-C ends it)", flush=True)
    server = subprocess.Popen(server_command(uri, host=host, port=port), env=environment)
    try:
        code = server.wait()
    except KeyboardInterrupt:  # the server had it too, and ends by itself
        server.wait()
        return
    finally:
        if server.poll() is None:
            server.terminate()
    raise typer.Exit(code)


def server_command(uri: str, *, host: str, port: int) -> Sequence[str]:
    """The command that serves a store with one worker.

    Artifacts of new experiments go where a run without a server puts them, so that either finds the other's.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    return [*command, "--default-artifact-root", "./mlruns", "--host", host, "--port", str(port)]


def refuse_taken_port(host: str, port: int) -> None:
    """Say so before anything is started, where another program listens there.

    Raises:
        StorytellerError: the port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # there it would mean: take it all the same
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StorytellerError(
                f"{host}:{port} cannot be listened on ({error.strerror or error}): another program may be there; "
                f"choose another port, such as --port {port + 1 if port < 65535 else port - 1}."
            ) from None
