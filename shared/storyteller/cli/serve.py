"""`storyteller serve`: a web page on which a trained model tells stories."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.listening import refuse_taken_port
from storyteller.errors import StorytellerError, optional_import

PORT = 8765
LOOPBACK = ("127.0.0.1", "localhost")  # asked for under another name, the server gives nothing


def serve(
    run: Annotated[Path, typer.Argument(metavar="[RUN]", help="the folder of a trained run")] = Path("runs/tiny"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="where to listen")] = PORT,
    host: Annotated[str, typer.Option(help="who may ask: 127.0.0.1 is this machine only")] = "127.0.0.1",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Show a page on which the model tells stories, until Ctrl-C."""
    uvicorn = optional_import("uvicorn", extra="serve")
    optional_import("fastapi", extra="serve")
    refuse_taken_port(host, port)
    from storyteller.checkpoint import list_checkpoints, load_model, run_of
    from storyteller.pipeline import pick_device
    from storyteller.serve.app import make_app

    if not list_checkpoints(run_of(run)):
        raise StorytellerError(f"There is no trained model in {run}; storyteller story makes one in runs/tiny.")
    model, tokenizer = load_model(run, device=pick_device(device), notice=lambda text: print(text, file=sys.stderr))
    hosts = LOOPBACK if host in LOOPBACK else ("*",)
    app = make_app(model, tokenizer, title=f"The model of {run}", hosts=hosts)
    print(f"Stories at http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C ends it)", flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
