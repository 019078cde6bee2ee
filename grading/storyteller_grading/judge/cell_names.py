"""The names in a cell, from its syntax tree. Runs in a worker: some sources bring Python's own parser down."""

import ast
import re
from typing import Any

CELL_MAGIC = re.compile(r"((?:[ \t]*(?:#[^\n]*)?\n)*)[ \t]*%%(\w+)")
NOT_PYTHON = frozenset(  # magics whose cell is of another language, or is a file
    (
        *("bash", "sh", "script", "cmd", "powershell", "perl", "ruby", "R", "sql", "cython", "sx", "system"),
        *("html", "HTML", "svg", "SVG", "javascript", "js", "latex", "markdown", "file", "writefile"),
    )
)
DEFINES = re.compile(r"^(?:async\s+def|def|class)\s+([^\W\d]\w*)", re.MULTILINE)
# Names of functions, attributes and modules by which code gets at other code, or out of a watch's sight.
WATCHED = frozenset({
    "exec", "eval", "compile", "__import__", "setprofile", "settrace", "_getframe", "f_globals", "__globals__",
    "__builtins__", "inspect", "importlib", "runpy", "linecache", "threading", "_thread", "concurrent",
    "multiprocessing", "ctypes", "gc",
})  # fmt: skip
GETATTR = "getattr "  # before the name of what it is asked of
MAX_NAMES = 2000  # names of a cell
MAX_NAME_CHARS = 200  # characters of a name


def without_cell_magic(source: str) -> str:
    """A cell whose first line is a magic such as `%%time`, which is about the Python below it, without that magic.

    The line becomes a comment, so that all others keep their numbers. What is not Python stays as it is.

    >>> without_cell_magic("%%time\\nx = 1")
    '#%%time\\nx = 1'
    """
    while (magic := CELL_MAGIC.match(source)) and magic[2] not in NOT_PYTHON:
        source = f"{magic[1]}#%%{source[magic.start(2) :]}"
    return source


def analyse(source: str) -> dict[str, Any]:
    """What a cell binds at its top level, what it uses, and whether it is Python at all.

    Magics are understood. Of a cell with a syntax error the definitions at the margin are found nevertheless.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        tree = ast.parse(TransformerManager().transform_cell(without_cell_magic(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        return {
            "binds": sorted(set(DEFINES.findall(source)))[:MAX_NAMES],
            "uses": [],
            "reaches": [],
            "error": str(getattr(error, "msg", error))[:MAX_NAME_CHARS],
            "line": line,
        }
    binds, uses = _names(tree)
    return {
        "binds": sorted(name[:MAX_NAME_CHARS] for name in binds)[:MAX_NAMES],
        "uses": sorted(name[:MAX_NAME_CHARS] for name in uses)[:MAX_NAMES],
        "reaches": sorted(word[:MAX_NAME_CHARS] for word in _reaches(tree))[:MAX_NAMES],
        "error": "",
        "line": 0,
    }


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _names(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The names that are bound outside of functions and classes, and those that are used anywhere.

    The nodes that wait are on a list of our own: a sum of 1,500 terms is a tree as deep.
    """
    binds: set[str] = set()
    uses: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]  # is it outside of all functions, classes, comprehensions?
    while waiting:
        node, outside = waiting.pop()
        if isinstance(node, ast.Global):
            binds.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            uses.add(node.id)
        elif outside and isinstance(node, ast.Name):
            binds.add(node.id)
        elif outside and isinstance(node, ast.alias):
            binds.add((node.asname or node.name).partition(".")[0])
        elif outside and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            binds.add(node.name)
        outside = outside and not isinstance(node, (*_SCOPES, *_COMPREHENSIONS))
        waiting += [(child, outside) for child in ast.iter_child_nodes(node)]
    return binds, uses


def _reaches(tree: ast.AST) -> set[str]:
    """Dotted names of what is imported, those of `WATCHED` that are used, and what `getattr` is asked of."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                found.update(f"{node.module or ''}.{alias.name}" for alias in node.names)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in WATCHED:
                found.add(name)
            case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id=name), *_]):
                found.add(GETATTR + name)
    return found
