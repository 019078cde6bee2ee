"""What IPython says of a cell that fails: one line where the reason is known. And which answers are out of date.

The kernel `storyteller` loads this as an extension, before any cell has run; with another kernel it is there from the
first import of `check` on. In a terminal without IPython there is nothing to load.
"""

import ast
import html
import os
import re
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storyteller_course.grading.result import ExerciseResult

DEFINES = re.compile(r"^(?:def|class)[ \t]+(\w+)", re.MULTILINE)
RUN_ABOVE = "Run the cells above it first: menu Run, Run All Above Selected Cell."


class CheckFailed(Exception):
    """A case failed. The check's card says why, so a notebook shows nothing else."""

    def __init__(self, result: "ExerciseResult") -> None:
        self.result = result
        super().__init__(f"{result.name}: {result.earned} of {result.points} points; its card says more.")


_out_of_date: dict[str, str] = {}  # by name: why what Python has is not what the name's cell says
_ran: dict[str, tuple[str, float]] = {}  # by name: the text of the cell that made it last, and when it ran


def load_ipython_extension(shell: Any) -> None:
    """Explain names that are not there yet and answers that are not written yet, and watch for cells that fail.

    Args:
        shell: IPython's, of a notebook. Loaded twice, it does the same.
    """
    if getattr(shell, "storyteller_explains", False):
        return
    shell.storyteller_explains = True
    shell.set_custom_exc((CheckFailed, NotImplementedError, NameError), explain)
    shell.events.register("post_run_cell", lambda result: note_run(result, shell.user_ns))


def load() -> None:
    """Load this into the IPython that runs here, if any does."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        load_ipython_extension(shell)


def explain(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show one line in the place of a traceback where the reason is known.

    That is an answer that is not written yet, and a name of a cell above that has not run; of a failed check the card
    is on the page already. The cell has failed all the same, for Validate too, which shows what the shell keeps.
    """
    from storyteller_course.runner.student_errors import STUB

    shell._last_traceback = [f"{kind.__name__}: {error}"]
    if isinstance(error, CheckFailed):
        return
    if isinstance(error, NotImplementedError) and (stub := STUB.search(text := str(error))):
        show(f"`{text[: stub.start()]}` is not written yet, so there is nothing to try.")
        return
    name = getattr(error, "name", None)
    above = name and name in names_of_notebook()
    if not above or not _in_cell(traceback):
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
    if above:
        show(f"`{name}` comes from a cell above that has not run since this notebook's kernel started. {RUN_ABOVE}")


def _in_cell(traceback: TracebackType | None) -> bool:
    """Was it the cell's own code that failed, and no function of another cell or file that it calls?"""
    cell = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        cell = cell or (code.co_filename if code.co_name == "<module>" else "")
        if traceback.tb_next is None:
            return code.co_filename == cell
        traceback = traceback.tb_next
    return False


def show(text: str) -> None:
    """A quiet line below a cell; what is in backticks becomes code. Without IPython it is printed."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
    data = {"text/plain": text, "text/html": f'<div style="opacity:.75;font-size:13px">{marked}</div>'}
    display(data, raw=True)


def names_of_notebook() -> set[str]:
    """The names that the cells of this lesson's notebook define or import, as the course wrote it or as it is saved."""
    from storyteller_course.notebook.source_digest import code_cells

    names: set[str] = set()
    for path in Path.cwd().glob("*.ipynb"):
        for _, source in code_cells(path):
            try:
                tree = ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):  # a magic, or not finished
                continue
            for node in tree.body:
                names |= _bound_by(node)
    return names


def _bound_by(node: ast.stmt) -> set[str]:
    """The names that a statement at the top of a cell binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def note_run(result: Any, namespace: dict[str, Any]) -> None:
    """Note, when a cell has run, of which names it should have made and did not.

    Args:
        result: IPython's ExecutionResult.
        namespace: the notebook's.
    """
    names = DEFINES.findall(result.info.raw_cell or "") if result.info is not None else []
    unread, raised = result.error_before_exec, result.error_in_exec
    for name in names:
        _out_of_date.pop(name, None)
        _ran[name] = result.info.raw_cell.strip(), time.time()
        if isinstance(unread, SyntaxError):
            where = f"line {unread.lineno}: {unread.msg}" if unread.lineno else unread.msg
            _out_of_date[name] = f"Python cannot read its cell ({where})"
        elif raised is not None and not _made_by(raised.__traceback__, name, namespace):
            _out_of_date[name] = f"its cell stopped before it ({type(raised).__name__})"


def _made_by(traceback: TracebackType | None, name: str, namespace: dict[str, Any]) -> bool:
    """Was the function or class of this name made in the cell that an exception ended?"""
    while traceback is not None and traceback.tb_frame.f_globals is not namespace:
        traceback = traceback.tb_next
    value = namespace.get(name)
    members = [*vars(value).values()] if isinstance(value, type) else [getattr(value, "__wrapped__", value)]
    codes = [getattr(member, "__code__", None) for member in members]
    files = {code.co_filename for code in codes if code}
    return traceback is not None and traceback.tb_frame.f_code.co_filename in files


def why_out_of_date(name: str) -> str:
    """Why what Python has under this name is not what its cell says now; empty where it is, or nobody watched.

    What stands in a cell that was edited and not run, only the saved notebook knows (Jupyter saves it now and then).
    """
    return _out_of_date.get(name) or ("its cell has changed since it ran" if name in _ran and _edited(name) else "")


def _edited(name: str) -> bool:
    """Was this notebook saved after the cell ran, with another text where the name is made?"""
    from storyteller_course.notebook.source_digest import code_cells

    ran, when = _ran[name]
    opened = os.environ.get("JPY_SESSION_NAME")  # set by Jupyter's server
    notebooks = [Path.cwd() / Path(opened).name] if opened else [*Path.cwd().glob("*.ipynb")]
    if len(notebooks) != 1 or not notebooks[0].is_file() or notebooks[0].stat().st_mtime <= when:
        return False
    making = [source.strip() for _, source in code_cells(notebooks[0]) if name in DEFINES.findall(source)]
    return bool(making) and ran not in making
