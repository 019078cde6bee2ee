"""Runs a cell as a notebook does, one statement after the other, and tells which one begins. Runs in a worker.

So the judge knows where a cell hung or ended its process. It has the cell run again in a new worker, without that
statement, and the definitions below it count as those above it do.
"""

import ast
import warnings
from collections.abc import Callable, Collection
from typing import Any

from storyteller_grading.judge.cell_names import without_cell_magic

MAX_PRINTED_CHARS = 20_000  # characters of a cell's output that are kept
MAX_MESSAGE_CHARS = 2_000  # characters of an error
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
WORK = (ast.Call, ast.Await, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # takes who knows how long


def run_cell(
    shell: Any,
    source: str,
    *,
    passed_over: Collection[int] = (),
    only_definitions: bool = False,
    begins: Callable[[int, int], None] = lambda number, line: None,
) -> dict[str, str]:
    """Run a cell; says what it printed and what it raised, both bounded.

    Args:
        shell: IPython's.
        source: the cell.
        passed_over: the numbers of statements of which only the definitions within are made.
        only_definitions: do so with every statement; assignments without any work are made too.
        begins: called before each statement with its number and its line.
    """
    from IPython.utils.capture import capture_output

    statements = _Statements(passed_over, only_definitions, begins)
    run_code, transform_ast = shell.run_code, shell.transform_ast

    async def run_statement(*args: Any, **kwargs: Any) -> bool:
        with statements:
            return bool(await run_code(*args, **kwargs))

    shell.run_code = run_statement
    # No transformer of IPython's, after which it visits the whole tree: a sum of many terms is too deep for that.
    shell.transform_ast = lambda tree: transform_ast(statements.visit(tree))
    try:
        with capture_output() as captured, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = shell.run_cell(without_cell_magic(source), store_history=False)
    finally:
        shell.run_code, shell.transform_ast = run_code, transform_ast
    error = result.error_before_exec or result.error_in_exec
    reply = {"printed": str(captured.stdout)[:MAX_PRINTED_CHARS], "error": "", "message": ""}
    if error is not None:
        try:  # a syntax error's text names a file that nobody has
            message = str(error.msg if isinstance(error, SyntaxError) else error)
            message = message.strip().split("\n")[0][:MAX_MESSAGE_CHARS]
        except Exception:  # noqa: BLE001  a student's exception may fail at this too
            message = ""
        reply |= {"error": type(error).__name__[:100], "message": message}
    return reply


class _Statements:
    """The statements of one cell: what is run of them, and a context manager around each that is run.

    Cells within the cell, as some magics run them, belong to the statement that runs them.
    """

    def __init__(
        self, passed_over: Collection[int], only_definitions: bool, begins: Callable[[int, int], None]
    ) -> None:
        self.passed_over, self.only_definitions, self.begins = passed_over, only_definitions, begins
        self.places: list[tuple[int, int]] | None = None  # number and line of those that wait, the next one last
        self.depth = 0

    def visit(self, tree: ast.Module) -> ast.Module:
        """The cell without what is passed over."""
        if self.places is not None:
            return tree
        body: list[ast.stmt] = []
        self.places = []
        for number, statement in enumerate(tree.body):
            if number in self.passed_over or (self.only_definitions and not _is_assignment(statement)):
                kept = definitions(statement)
            else:
                kept = [statement]
            body += kept
            self.places += [(number, one.lineno) for one in kept]
        self.places.reverse()
        tree.body = body
        return tree

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth == 1 and self.places:
            self.begins(*self.places.pop())

    def __exit__(self, *raised: object) -> None:
        self.depth -= 1


def _is_assignment(statement: ast.stmt) -> bool:
    """Does this give something a name, without any work?"""
    return isinstance(statement, ast.Assign | ast.AnnAssign) and not any(
        isinstance(node, WORK) for node in ast.walk(statement)
    )


def definitions(statement: ast.stmt) -> list[ast.stmt]:
    """The functions, classes and imports in a statement, however deep, but not those in a function or class."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, DEFINITIONS):
            found.append(node)
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            waiting += ast.iter_child_nodes(node)
    return sorted(found, key=lambda one: one.lineno)
