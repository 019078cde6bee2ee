"""`storyteller serve`: a web page on which a trained model tells stories."""

from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.shared.load_run import load_run
from storyteller.cli.shared.ports import refuse_taken_port
from storyteller.errors import optional_import

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
    from storyteller.serve.app import make_app

    model, tokenizer = load_run(run, device=device)
    hosts = LOOPBACK if host in LOOPBACK else ("*",)
    app = make_app(model, tokenizer, title=f"The model of {run}", hosts=hosts)
    print(f"Stories at http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C ends it)", flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
