"""What the commands that listen on a port have in common."""

import os
import socket

from storyteller.errors import StorytellerError


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
