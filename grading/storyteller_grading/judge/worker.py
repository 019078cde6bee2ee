"""The worker: runs the cells of one student, and serves the requests of the checks. It lives in the sandbox.

    python -m storyteller_grading.judge.worker PORT

It knows no tests. Nothing that it says is believed: a student's code may have taken it over.

Mostly it is a fork of the server. The command starts it as a process of its own, where there is no fork: such a worker
has the limits that the system offers and no other layer, so it is started only for code that is trusted.
"""

import json
import socket
import sys
import types
from io import TextIOBase
from typing import Any, NoReturn

from storyteller_course.runner import serialization
from storyteller_grading.judge.cell_names import analyse
from storyteller_grading.judge.cell_run import run_cell
from storyteller_grading.judge.channel import (
    BIND,
    CALLBACK,
    CELL,
    NAMES,
    PLACE,
    REPLY,
    REQUEST,
    STATEMENT,
    STEPS,
    Channel,
    Closed,
)
from storyteller_grading.judge.sandbox import limits
from storyteller_grading.judge.sandbox.limits import Budget

PASSWORD_LENGTH = 32


class NobodyTypes(TextIOBase):
    """Standard input where nobody can answer: for `input()`, `getpass`, the debugger and all others that read it."""

    def readline(self, size: int | None = -1, /) -> NoReturn:  # type: ignore[override]
        """Says so."""
        raise RuntimeError("nobody can type here, so that input() and the like are not available")

    def read(self, size: int | None = -1, /) -> NoReturn:
        """Says so."""
        self.readline()


def make_shell() -> Any:
    """An IPython shell, as in a notebook, that keeps no history, starts no programs and asks for no input."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    shell: Any = InteractiveShell.instance(config=config)
    original, original_cell_magic = shell.run_line_magic, shell.run_cell_magic

    def no_programs(command: str, *args: Any, **kwargs: Any) -> None:
        print(f"!{str(command)[:80]} is passed over: no program is started here.")

    def no_output(command: str, *args: Any, **kwargs: Any) -> list[str]:
        no_programs(command)
        return []

    def line_magic(name: str, line: str, _stack_depth: int = 1) -> Any:
        try:
            return original(name, line, _stack_depth=_stack_depth + 1)  # where the cell's own names are
        except Exception as error:  # noqa: BLE001  a magic that is unknown here must not stop the rest of its cell
            print(f"%{name} is passed over here ({type(error).__name__}).")
            return None

    def cell_magic(name: str, line: str, cell: str) -> None:
        if name in ("file", "writefile"):  # which another cell may import
            original_cell_magic(name, line, cell)
        else:  # of another language: those about Python are comments by now
            print(f"%%{name} is passed over here.")

    shell.system = shell.system_piped = shell.system_raw = no_programs
    shell.getoutput, shell.run_line_magic, shell.ask_exit = no_output, line_magic, lambda: None
    shell.run_cell_magic = cell_magic
    # A traceback takes longer to print than most answers to run; the judge says what was raised, in a line.
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **kwargs: None
    warm_up(shell)
    sys.stdin = NobodyTypes()
    return shell


def warm_up(shell: Any) -> None:
    """What a first cell and a first request load is loaded once, before any worker is forked."""
    from storyteller_course.runner.protocol import Request, write_request
    from storyteller_course.runner.server import Server

    run_cell(shell, "None")
    Server({"len": len}).exchange(write_request(Request(op="call", target="len", args=("",))))


def serve(channel: Channel, shell: Any) -> None:
    """Answer the judge until it lets go."""
    from storyteller_course.runner.server import Server

    server = Server(shell.user_ns)

    def ask_judge(frame: bytes) -> bytes:
        """Carry a callback to the judge and its answer back."""
        channel.send(CALLBACK, frame)
        return channel.receive()[1]

    while True:
        try:
            tag, body = channel.receive()
        except Closed:
            return
        if tag == REQUEST:
            channel.send(REPLY, server.exchange(body, call_back=ask_judge))
        elif tag == CELL:
            channel.send(REPLY, serialization.encode(run_cell(shell, serialization.decode(body))))
        elif tag == STEPS:
            source, passed_over, only_definitions = serialization.decode(body)
            reply = run_cell(
                shell,
                source,
                passed_over=passed_over,
                only_definitions=only_definitions,
                begins=lambda number, line: channel.send(STATEMENT, PLACE.pack(number, line)),
            )
            channel.send(REPLY, serialization.encode(reply))
        elif tag == BIND:
            bind(shell.user_ns, *serialization.decode(body))
            channel.send(REPLY, serialization.encode(None))
        elif tag == NAMES:
            channel.send(REPLY, serialization.encode([analyse(source) for source in serialization.decode(body)]))


def bind(namespace: dict[str, Any], module: str, source: str, library: dict[str, str], names: list[str]) -> None:
    """Put the course's own functions into the namespace, see `storyteller_course.exercises.stand_ins.define`.

    The source comes from the judge, which leaves out of it the answer to the exercise that is graded here.
    """
    from storyteller_course.exercises.stand_ins import define

    if module not in sys.modules:
        made = types.ModuleType(module)
        vars(made).update(define(module, source, library, namespace))
        sys.modules[module] = made  # where the names of forbidden calls are looked up
    namespace.update({name: getattr(sys.modules[module], name) for name in names})


def main(arguments: list[str]) -> None:
    """As a process of its own: connect to the judge and serve it."""
    order = sys.stdin.read()
    connection = socket.create_connection(("127.0.0.1", int(arguments[0])))
    connection.sendall(order[:PASSWORD_LENGTH].encode())
    import torch

    torch.set_num_threads(1)
    shell = make_shell()
    limits.apply(Budget(**json.loads(order[PASSWORD_LENGTH:])), address_space=limits.address_space(), others=None)
    serve(Channel(connection), shell)


if __name__ == "__main__":
    main(sys.argv[1:])
