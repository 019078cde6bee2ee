"""How somebody hides that a solution was copied: other names, another order. For a rehearsal, of the course's own."""

import ast
from collections.abc import Callable


def renamed(source: str) -> str:
    """The same program: its functions' own variables have other names, comments and docstrings are gone.

    >>> print(renamed("def double(number):\\n    twice = 2 * number\\n    return twice"))
    def double(number):
        my_1 = 2 * number
        return my_1
    """
    tree = ast.parse(source)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        inner = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        kept = {
            argument.arg for node in ast.walk(function) if isinstance(node, ast.arguments) for argument in _all(node)
        }
        kept |= {
            name for node in ast.walk(function) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names
        }
        kept |= {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        stored = (node.id for node in inner if isinstance(node.ctx, ast.Store) and not node.id.startswith("my_"))
        new = {name: f"my_{number}" for number, name in enumerate(dict.fromkeys(stored), 1) if name not in kept}
        for node in inner:
            node.id = new.get(node.id, node.id)
    return _plainly(tree)


def reordered(source: str) -> str:
    """The same program: a class's methods in another order, and assignments that do not need each other swapped.

    >>> print(reordered("def total(numbers):\\n    count = 0\\n    longest = 1\\n    return count"))
    def total(numbers):
        longest = 1
        count = 0
        return count
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods: list[ast.stmt] = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            node.body = [part for part in node.body if part not in methods] + methods[::-1]
        elif isinstance(node, ast.FunctionDef | ast.For | ast.While | ast.If):
            node.body = _swapped(node.body)
    return _plainly(tree)


COPIES: dict[str, Callable[[str], str]] = {"as_it_is": str, "renamed": renamed, "reordered": reordered}


def _all(arguments: ast.arguments) -> list[ast.arg]:
    others = [one for one in (arguments.vararg, arguments.kwarg) if one]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *others]


def _swapped(body: list[ast.stmt]) -> list[ast.stmt]:
    """Neighbours that do not need each other the other way round."""
    result, place = list(body), 0
    while place + 1 < len(result):
        if _independent(result[place], result[place + 1]):
            result[place], result[place + 1] = result[place + 1], result[place]
            place += 1
        place += 1
    return result


def _independent(one: ast.stmt, other: ast.stmt) -> bool:
    """Are these assignments without calls, neither of which reads or writes what the other writes?"""
    read: list[set[str]] = []
    written: list[set[str]] = []
    for statement in (one, other):
        if not isinstance(statement, ast.Assign) or not all(isinstance(part, ast.Name) for part in statement.targets):
            return False
        parts = list(ast.walk(statement))
        if any(isinstance(part, ast.Call | ast.Yield | ast.YieldFrom | ast.Await | ast.NamedExpr) for part in parts):
            return False
        names = [part for part in parts if isinstance(part, ast.Name)]
        written.append({name.id for name in names if isinstance(name.ctx, ast.Store)})
        read.append({name.id for name in names})
    return not (written[0] & read[1] or written[1] & read[0])


def _plainly(tree: ast.Module) -> str:
    """The program without docstrings, and so without comments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
