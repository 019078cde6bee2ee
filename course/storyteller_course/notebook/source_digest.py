"""The source of a student's functions: digests of live ones, and what a saved notebook defines."""

import ast
import hashlib
import json
import symtable
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_NOTEBOOK_BYTES = 50_000_000
MAX_CONSTANT_ITEMS = 1000  # of a container that counts with its value
CHECK_CELL_SUFFIX = "-check"  # of a check cell's id


# --- Live functions --------------------------------------------------------------------------------------------------


def digest(namespace: Mapping[str, Any], name: str) -> str:
    """A digest of a function or class and of all that it calls in the same namespace.

    It changes when the code does; two functions with one digest do the same.
    """
    sha = hashlib.sha256()
    seen: set[str] = set()
    names = [name]
    while names:
        current = names.pop()
        if current in seen or current not in namespace:
            continue
        seen.add(current)
        sha.update(f"\0{current}\0".encode())
        value = namespace[current]
        codes = list(_codes(value))
        if codes:
            sha.update(b"".join(map(_code_bytes, codes)))
        else:  # constants count with their value; modules, models and the like with their type alone
            is_short = isinstance(value, list | tuple | set | frozenset | dict) and len(value) < MAX_CONSTANT_ITEMS
            is_constant = value is None or is_short or isinstance(value, bool | int | float | str | bytes)
            text = repr(value if is_constant else getattr(value, "__name__", type(value).__name__))
            sha.update(text.encode("utf-8", "replace"))
        names += sorted({used for code in codes for used in _names(code)} - seen)
    return sha.hexdigest()


def _codes(value: Any) -> Iterator[types.CodeType]:
    if isinstance(value, type):
        for member in vars(value).values():
            yield from _codes(member) if not isinstance(member, type) else ()
    function = getattr(value, "__func__", getattr(value, "fget", value))
    if isinstance(function, types.FunctionType):
        yield function.__code__
        yield from _codes(getattr(function, "__wrapped__", None))


def _code_bytes(code: types.CodeType) -> bytes:
    parts = [code.co_code, repr((code.co_names, code.co_varnames, code.co_flags)).encode()]
    for constant in code.co_consts:
        parts.append(_code_bytes(constant) if isinstance(constant, types.CodeType) else repr(constant).encode())
    return b"\1".join(parts)


def _names(code: types.CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def without_docstring(source: str) -> str:
    """The source of a function or class without its docstring, which is the same in every answer."""
    try:
        (node,) = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    body = getattr(node, "body", [])
    if len(body) < 2 or ast.get_docstring(node) is None:  # type: ignore[arg-type]
        return source
    lines = source.splitlines(keepends=True)
    return "".join(lines[: body[0].lineno - 1] + lines[body[0].end_lineno :])


# --- Saved notebooks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a code cell that gives a value to names."""

    cell: str  # the cell's id
    source: str
    defines: frozenset[str]
    uses: frozenset[str]


def statements(notebook: Path) -> list[Statement]:
    """What a notebook defines: its functions, classes, imports and assignments, in order.

    Cells that cannot be parsed are left out, lines of magic too. An unreadable notebook defines nothing.
    """
    return [
        statement
        for cell, source in code_cells(notebook)
        if not cell.endswith(CHECK_CELL_SUFFIX)
        for statement in _parse(cell, source)
    ]


def code_cells(notebook: Path) -> list[tuple[str, str]]:
    """Id and text of a saved notebook's code cells; none where it cannot be read, which is told elsewhere."""
    try:
        if notebook.stat().st_size > MAX_NOTEBOOK_BYTES:
            return []
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return [(str(cell.get("id", "")), "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _parse(cell: str, source: str) -> Iterator[Statement]:
    if source.lstrip().startswith("%%"):
        return
    lines = ["" if line.lstrip()[:1] in ("%", "!", "?") else line for line in source.splitlines()]
    try:
        body = ast.parse("\n".join(lines)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in body:
        defines = frozenset(_defined(node))
        if defines:
            first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
            text = "\n".join(lines[first - 1 : node.end_lineno])
            yield Statement(cell, text, defines, frozenset(_used(symtable.symtable(text, "<cell>", "exec"))))


def _used(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that a statement takes from outside; a function's own variables are none of them."""
    everything = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (everything or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _used(inner)


def _defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value to; none for statements that are there for their effect."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = (inner for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name))
        yield from (name.id for name in names if isinstance(name.ctx, ast.Store))


def needed(statements: list[Statement], name: str) -> list[Statement]:
    """The statements that `name` needs, itself included, in the notebook's order.

    Of several that define a name, the one in the cell with that id counts, otherwise the last.
    """
    chosen: set[int] = set()
    names = [name]
    while names:
        current = names.pop()
        homes = [index for index, statement in enumerate(statements) if current in statement.defines]
        own = [index for index in homes if statements[index].cell == current]
        for index in (own or homes)[-1:]:
            if index not in chosen:
                chosen.add(index)
                names += statements[index].uses
    return [statements[index] for index in sorted(chosen)]
