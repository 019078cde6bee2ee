"""The worker: runs the cells of one student, and serves the requests of the checks. It lives in the sandbox.

It knows no tests. Nothing that it says is believed: a student's code may have taken it over.
"""

import sys
import types
import warnings
from typing import Any

from storyteller_course.runner import serialization
from storyteller_grading.judge.cell_names import analyse
from storyteller_grading.judge.channel import BIND, CALLBACK, CELL, NAMES, REPLY, REQUEST, Channel, Closed

MAX_PRINTED_CHARS = 20_000  # characters of a cell's output that are kept
MAX_MESSAGE_CHARS = 2_000  # characters of an error


def make_shell() -> Any:
    """An IPython shell, as in a notebook, that keeps no history and starts no programs."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    shell: Any = InteractiveShell.instance(config=config)
    original = shell.run_line_magic

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

    shell.system = shell.system_piped = shell.system_raw = no_programs
    shell.getoutput, shell.run_line_magic = no_output, line_magic
    # A traceback takes longer to print than most answers to run; the judge says what was raised, in a line.
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **kwargs: None
    warm_up(shell)
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
        elif tag == BIND:
            bind(shell.user_ns, *serialization.decode(body))
            channel.send(REPLY, serialization.encode(None))
        elif tag == NAMES:
            channel.send(REPLY, serialization.encode([analyse(source) for source in serialization.decode(body)]))


def run_cell(shell: Any, source: str) -> dict[str, str]:
    """Run a cell as a notebook does; says what it printed and what it raised, both bounded."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = shell.run_cell(source, store_history=False)
    error = result.error_before_exec or result.error_in_exec
    reply = {"printed": str(captured.stdout)[:MAX_PRINTED_CHARS], "error": "", "message": "", "line": ""}
    if error is not None:
        try:
            message = str(error).strip().split("\n")[0][:MAX_MESSAGE_CHARS]
        except Exception:  # noqa: BLE001  a student's exception may fail at this too
            message = ""
        line = getattr(error, "lineno", None)
        reply |= {"error": type(error).__name__[:100], "message": message, "line": str(line or "")[:10]}
    return reply


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
