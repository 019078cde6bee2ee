"""What a class's copy of the checks leaves out, once values are looked up in it.

Statements that only prepared a value that is recorded now, and functions, classes and imports that nobody names any
more. Where it cannot tell, a statement stays.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from storyteller_grading.release.check_functions import Function, root, roots
from storyteller_grading.release.data_flow import Checks

GRADIENTS = ".grad"  # stands for what `backward` writes


@dataclass(frozen=True, eq=False)
class Place:
    """An expression that may be recorded."""

    number: int
    node: ast.expr
    function: Function
    is_compared: bool  # what an assertion compares with, and nothing else
    draws: bool  # a call whose arguments take something of the draw: they are still computed

    @property
    def left(self) -> list[ast.AST]:
        """The parts of it that stay in a class's copy."""
        return [*self.node.args, *self.node.keywords] if self.draws and isinstance(self.node, ast.Call) else []


def unneeded(checks: Checks, function: Function, active: Mapping[int, Place]) -> tuple[set[int], set[str]]:
    """The statements of a function that only prepare what is looked up, by id, and the names that they change."""
    local = _bound(function) - set(function.parameters)
    statements: list[tuple[ast.stmt, list[ast.stmt]]] = []  # with those around each

    def gather(body: list[ast.stmt], around: list[ast.stmt]) -> None:
        for node in body:
            statements.append((node, around))
            if not isinstance(node, ast.FunctionDef):
                for block in ("body", "orelse", "finalbody"):
                    gather(getattr(node, block, []), [*around, node])
                for handler in getattr(node, "handlers", []):
                    gather(handler.body, [*around, node])

    gather(function.node.body, [])
    own = local | set(function.parameters)
    alias: dict[str, set[str]] = {}
    for node, _ in statements:
        if isinstance(node, ast.For):
            for name in roots(node.target):
                alias.setdefault(name, set()).update(_names(node.iter, active) & own)
        elif isinstance(node, ast.Assign) and not _is_new(node.value, own):
            for target in node.targets:
                for name in roots(target) if isinstance(target, ast.Name | ast.Tuple | ast.List) else []:
                    alias.setdefault(name, set()).update(_names(node.value, active) & own)

    def changes(node: ast.stmt) -> list[str] | None:
        """The local names that are all that a statement changes; None where it does something else."""
        if isinstance(node, ast.FunctionDef):
            return [node.name]
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name for target in targets for name in roots(target)]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            is_backward = isinstance(called, ast.Attribute) and called.attr == "backward"
            names = [GRADIENTS if is_backward else root(node.value)]
        else:
            return None
        if not set(names) <= local | {GRADIENTS}:
            return None
        if checks.draws(function, node) or checks.is_students(function, node):
            return None
        return names

    compound = (ast.For, ast.While, ast.If, ast.With, ast.Try)
    removable = {id(node): names for node, _ in statements if (names := changes(node)) is not None}
    kept = {
        id(node)
        for node, _ in statements
        if id(node) not in removable and (not isinstance(node, compound) or _is_needed_itself(checks, function, node))
    }
    while True:
        before = len(kept)
        needed: set[str] = set()
        for node, around in statements:
            if id(node) in kept:
                kept.update(map(id, around))
        for node, _ in statements:
            if id(node) in kept:
                needed |= _read(node, active)
        reach = set(needed)
        for name, others in alias.items():  # who changes an alias changes what is needed
            seen, waiting = {name}, set(others)
            while waiting:
                one = waiting.pop()
                if one not in seen:
                    seen.add(one)
                    waiting |= alias.get(one, set())
            if seen & needed:
                reach.add(name)
        for node, _ in statements:
            names = removable.get(id(node))
            if names is None or id(node) in kept:
                continue
            plain = isinstance(node, ast.Assign | ast.FunctionDef | ast.AnnAssign) and not any(
                isinstance(one, ast.Attribute | ast.Subscript) and isinstance(one.ctx, ast.Store)
                for one in ast.walk(node)
            )
            if set(names) & (needed if plain else reach):
                kept.add(id(node))
        if len(kept) == before:
            break
    left_out = {id(node) for node, _ in statements if id(node) not in kept}
    return left_out, {name for key in left_out for name in removable.get(key, [])}


def _is_needed_itself(checks: Checks, function: Function, node: ast.stmt) -> bool:
    """Does the head of a compound statement do anything, whatever stands in it?"""
    heads = list(checks.expressions(node))
    return any(checks.draws(function, one) or checks.is_students(function, one) for one in heads)


def unused(checks: Checks, active: Mapping[int, Place], removed: set[int]) -> set[int]:
    """The functions, methods and classes that nothing names any more, and imports of them, by id."""
    parts: list[tuple[ast.AST, str]] = []  # what may go, and its name
    always: list[ast.AST] = []
    for tree in checks.trees.values():
        cases = [one.node for one in checks.functions if one.is_case]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node not in cases:
                parts.append((node, node.name))
            elif isinstance(node, ast.ClassDef):
                parts.append((node, node.name))
                parts += [(one, f".{one.name}") for one in node.body if isinstance(one, ast.FunctionDef)
                          and not one.name.startswith("__")]  # fmt: skip
            elif not isinstance(node, ast.Import | ast.ImportFrom):
                always.append(node)
    gone = {id(node) for node, _ in parts}
    waiting = list(always)
    while waiting:
        named = set[str]()
        for one in waiting:
            named |= _mentioned(one, active, removed | gone)
        waiting = [part for part, name in parts if id(part) in gone and name in named]
        gone -= {id(part) for part in waiting}
    for tree in checks.trees.values():
        named = set()
        for node in tree.body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                named |= _mentioned(node, active, removed | gone)
        imports = [one for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for one in node.names]
        gone |= {id(one) for one in imports if (one.asname or one.name).partition(".")[0] not in named}
    return gone


def children(node: ast.AST, active: Mapping[int, Place]) -> Iterator[ast.AST]:
    """What stands in a node of a class's copy."""
    yield from active[id(node)].left if id(node) in active else ast.iter_child_nodes(node)


def _names(node: ast.AST, active: Mapping[int, Place]) -> set[str]:
    """The names that an expression reads where its places are looked up; GRADIENTS where it reads any."""
    own: set[str] = set()
    if id(node) in active:  # the node itself is gone
        pass
    elif isinstance(node, ast.Name):
        own = {node.id}
    elif isinstance(node, ast.Attribute) and node.attr == "grad" and isinstance(node.ctx, ast.Load):
        own = {GRADIENTS}
    return own.union(*(_names(child, active) for child in children(node, active)))


def _read(node: ast.stmt, active: Mapping[int, Place]) -> set[str]:
    """The names that a statement itself reads; of a compound one its head."""
    if isinstance(node, ast.FunctionDef):
        return _names(node, active)
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.excepthandler) and not _is_plain_target(node, child):
            found |= _names(child, active)
    return found


def _is_plain_target(node: ast.stmt, child: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.For) else []
    return child in targets and all(isinstance(one, ast.Name | ast.Tuple | ast.List | ast.Store | ast.Starred)
                                    for one in ast.walk(child))  # fmt: skip


def _mentioned(node: ast.AST, active: Mapping[int, Place], without: set[int]) -> set[str]:
    """All names, and all attributes as `.name`, in what is left of a node."""
    if id(node) in without:
        return set()
    own: set[str] = set()
    if id(node) in active:
        pass
    elif isinstance(node, ast.Name):
        own = {node.id}
    elif isinstance(node, ast.Attribute):
        own = {f".{node.attr}"}
    return own.union(*(_mentioned(child, active, without) for child in children(node, active)))


def _bound(function: Function) -> set[str]:
    """The names that a function binds, inner functions by their names alone."""
    names: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef) and node is not function.node:
            names.add(node.name)
            return
        elif isinstance(node, ast.Lambda):
            return
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(function.node)
    return names


def _is_new(value: ast.expr, own: Collection[str]) -> bool:
    """Is it a value of its own, so that who changes it changes nothing that one of these names stands for?"""
    if isinstance(value, ast.Call):
        names = {one.attr for one in ast.walk(value.func) if isinstance(one, ast.Attribute)}
        return root(value.func) not in own or not names.isdisjoint({"clone", "copy"})
    return isinstance(value, ast.Constant | ast.BinOp | ast.Compare | ast.ListComp | ast.DictComp | ast.SetComp)
