"""A worker that is a process of its own, where there is no fork.

    python -m storyteller_grading.judge.standalone_worker PORT

It has the limits that the system offers and no other layer, so it is started only for code that is trusted.
"""

import json
import socket
import sys

from storyteller_grading.judge import worker
from storyteller_grading.judge.channel import Channel
from storyteller_grading.judge.sandbox import limits
from storyteller_grading.judge.sandbox.limits import Budget

PASSWORD_LENGTH = 32


def main(arguments: list[str]) -> None:
    """Connect to the judge and serve it."""
    order = sys.stdin.read()
    connection = socket.create_connection(("127.0.0.1", int(arguments[0])))
    connection.sendall(order[:PASSWORD_LENGTH].encode())
    import torch

    torch.set_num_threads(1)
    shell = worker.make_shell()
    limits.apply(Budget(**json.loads(order[PASSWORD_LENGTH:])), address_space=limits.address_space(), others=None)
    worker.serve(Channel(connection), shell)


if __name__ == "__main__":
    main(sys.argv[1:])
