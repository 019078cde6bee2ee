"""How a command of the terminal starts: what it needs takes a moment to import, and Ctrl-C is answered from the first.

This module imports next to nothing, and so must whoever calls it.
"""

import sys
from importlib import import_module

STOPPED = "stopped by Ctrl-C; the same command begins again."


def start(module: str, function: str, *, name: str) -> None:
    """Import a module and call a function of it; where Ctrl-C comes first, say so in one sentence, with exit code 2.

    Args:
        module: with the command.
        function: the command; it answers Ctrl-C itself where something is to be said.
        name: of the program; the sentence begins with it.
    """
    try:
        getattr(import_module(module), function)()
    except KeyboardInterrupt:
        print(f"{name}: {STOPPED}", file=sys.stderr)
        sys.exit(2)
