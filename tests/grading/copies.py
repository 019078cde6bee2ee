"""How a copy is disguised: other names, another order, other comments and literals. For the tests of similarity."""

import ast
import builtins
import random


class _Renamed(ast.NodeTransformer):
    """New names for everything that the code itself names, but for the exercise and its parameters' keywords."""

    def __init__(self, keep, dice):
        self.keep, self.dice, self.new = keep, dice, {}

    def name(self, old):
        if old in self.keep:
            return old
        return self.new.setdefault(old, f"{self.dice.choice(['my', 'the', 'x', 'tmp'])}_{len(self.new)}")

    def visit_Name(self, node):
        node.id = self.name(node.id)
        return node

    def visit_arg(self, node):
        node.arg = self.name(node.arg)
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.returns = None
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        return node


def disguised(source: str, exercise: str, seed: int) -> str:
    """The same program under other names, with comments of its own and without the docstring."""
    tree = ast.parse(source)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} - {"self"}
    everything = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(dir(builtins))
    dice = random.Random(seed)
    tree = _Renamed((everything - own) | {exercise, "self"}, dice).visit(tree)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if len(functions) == len(tree.body):
        tree.body = list(reversed(tree.body))  # helpers first, or last
    lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
    return "\n".join(line + f"  # thought of by myself, {dice.random():.3f}" * (dice.random() < 0.4) for line in lines)
