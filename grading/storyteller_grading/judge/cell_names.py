"""The names in a cell, from its syntax tree. Runs in a worker: some sources bring Python's own parser down."""

import ast
import re
from typing import Any

DEFINES = re.compile(r"^(?:async\s+def|def|class)\s+([^\W\d]\w*)", re.MULTILINE)
MAX_NAMES = 2000  # names of a cell
MAX_NAME_CHARS = 200  # characters of a name


def analyse(source: str) -> dict[str, Any]:
    """What a cell binds at its top level, what it uses, and whether it is Python at all.

    Magics are understood. Of a cell with a syntax error the definitions at the margin are found nevertheless.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        return {
            "binds": sorted(set(DEFINES.findall(source)))[:MAX_NAMES],
            "uses": [],
            "error": str(error)[:MAX_NAME_CHARS],
            "line": line,
        }
    names = _Names()
    for statement in tree.body:
        names.visit(statement)
    return {
        "binds": sorted(name[:MAX_NAME_CHARS] for name in names.binds)[:MAX_NAMES],
        "uses": sorted(name[:MAX_NAME_CHARS] for name in names.uses)[:MAX_NAMES],
        "error": "",
        "line": 0,
    }


class _Names(ast.NodeVisitor):
    """Gathers names: those that are bound outside of functions and classes, and all that are used anywhere."""

    def __init__(self) -> None:
        self.binds: set[str] = set()
        self.uses: set[str] = set()
        self.depth = 0

    def bind(self, name: str) -> None:
        if self.depth == 0:
            self.binds.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.add(node.id)
        else:
            self.bind(node.id)

    def visit_alias(self, node: ast.alias) -> None:
        self.bind((node.asname or node.name).partition(".")[0])

    def visit_Global(self, node: ast.Global) -> None:
        self.binds.update(node.names)

    def _scope(self, node: Any) -> None:
        """What is bound in a function, a class or a comprehension is bound there only."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.bind(node.name)
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _scope
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _scope
