"""`storyteller serve`: a web page on which a trained model tells stories."""

import errno
import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.tell import require_trained
from storyteller.errors import StorytellerError, optional_import

PORT = 8765
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")  # asked for under another name, the server gives nothing


def serve(
    run: Annotated[Path, typer.Argument(metavar="[RUN]", help="the folder of a trained run")] = Path("runs/tiny"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="where to listen")] = PORT,
    host: Annotated[str, typer.Option(help="who may ask: 127.0.0.1 is this machine only")] = "127.0.0.1",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Show a page on which the model tells stories, and answer programs that speak OpenAI's API, until Ctrl-C."""
    uvicorn = optional_import("uvicorn", extra="serve")
    optional_import("fastapi", extra="serve")
    refuse_taken_port(host, port)
    from storyteller.export.html.about import about_run
    from storyteller.export.trained_run import read_trained
    from storyteller.serve.app import make_app
    from storyteller.utils.device import pick_device

    require_trained(run)
    trained = read_trained(run, notice=lambda text: print(text, file=sys.stderr))
    hosts = (*LOOPBACK, host) if is_loopback(host) else ("*",)
    app = make_app(
        trained.model.to(pick_device(device)),
        trained.tokenizer,
        about=about_run(trained),
        defaults=trained.sampling,
        hosts=hosts,
    )
    address = address_of(host, port)
    print(f"Stories at {address}, and for programs, in OpenAI's form, at {address}/v1 (Ctrl-C ends it)", flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)


def address_of(host: str, port: int) -> str:
    """The address for a browser.

    >>> address_of("::1", 8765)
    'http://[::1]:8765'
    """
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there.

    >>> is_loopback("localhost"), is_loopback("0:0:0:0:0:0:0:1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def refuse_taken_port(host: str, port: int) -> None:
    """Say so before anything is started, where it cannot be listened.

    Raises:
        StorytellerError: the port is taken or not allowed, or the address is not one of this machine.
    """
    other_port = f"choose another port, such as --port {port + 1 if port < 65535 else port - 1}"
    other_host = "give an address of this machine with --host: 127.0.0.1 for itself, 0.0.0.0 for all who reach it"
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:  # UnicodeError: no name can be so long
        reason = getattr(error, "strerror", None) or "it is no name of a machine"
        raise StorytellerError(f"There is no machine {host!r} ({reason}); {other_host}.") from None
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # there it would mean: take it all the same
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                why, way_out = "it is not an address of this machine", other_host
            elif error.errno == errno.EADDRINUSE:
                why, way_out = "another program listens there", other_port
            elif error.errno == errno.EACCES:
                why, way_out = "this port is for programs with special rights", "choose a port above 1023 with --port"
            else:
                why, way_out = error.strerror or str(error), other_port
            raise StorytellerError(f"{host}:{port} cannot be listened on: {why}; {way_out}.") from None
