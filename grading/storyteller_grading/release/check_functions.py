"""The functions of a lesson's checks, by the names in their files, and which of them a call may run."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

STUDENT = "*"  # in a flow: from the student's code, whoever calls
Flow = frozenset[str]  # what a value comes from: parameters of its function, and STUDENT; see `data_flow.py`


@dataclass(eq=False)
class Function:
    """A function of a file at its top level, or a method."""

    node: ast.FunctionDef
    module: str
    is_method: bool
    is_case: bool
    flows: dict[str, Flow] = field(default_factory=dict)  # by name
    lengths: dict[str, Flow] = field(default_factory=dict)  # what decides how many parts a name's value has
    results: list[Flow] = field(default_factory=list)  # of each part, where it gives back a tuple; else one
    students: set[str] = field(default_factory=set)  # parameters that some call gives something of the student's
    impure: set[str] = field(default_factory=set)  # names of the draw, and of functions that draw
    is_uncertain: bool = False  # whether and how often it runs may depend on the student's code

    def __post_init__(self) -> None:
        self.local = set(self.parameters)  # all names that are bound in it, those of inner functions too
        for one in ast.walk(self.node):
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
                self.local.add(one.id)
            elif isinstance(one, ast.arg):
                self.local.add(one.arg)
            elif isinstance(one, ast.FunctionDef) and one is not self.node:
                self.local.add(one.name)

    @property
    def parameters(self) -> list[str]:
        """Their names, in order."""
        args = self.node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        return [one.arg for one in every if one is not None]


class CheckFunctions:
    """The files of `checks`, with the functions and methods in them.

    Args:
        trees: the files' syntax, by their names.
    """

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.trees = trees
        self.functions: list[Function] = []
        self.methods: dict[str, list[Function]] = defaultdict(list)
        self.own: dict[tuple[str, str], Function | ast.ClassDef] = {}  # by file and name, imported ones too
        for module, tree in trees.items():
            for node in tree.body:
                if isinstance(node, ast.FunctionDef):
                    self.own[module, node.name] = self._add(node, module)
                elif isinstance(node, ast.ClassDef):
                    self.own[module, node.name] = node
                    for part in node.body:
                        if isinstance(part, ast.FunctionDef):
                            self.methods[part.name].append(self._add(part, module, is_method=True))
        for module, tree in trees.items():
            for node in tree.body:
                if isinstance(node, ast.ImportFrom) and node.level == 1:
                    for one in node.names:
                        found = self.own.get((node.module or "", one.name))
                        if found is not None:
                            self.own[module, one.asname or one.name] = found

    def _add(self, node: ast.FunctionDef, module: str, *, is_method: bool = False) -> Function:
        decorators = [one.func for one in node.decorator_list if isinstance(one, ast.Call)]
        is_case = any(isinstance(one, ast.Attribute) and one.attr == "case" for one in decorators)
        function = Function(node, module, is_method, is_case)
        if is_case:
            function.students, function.impure = set(function.parameters[:1]), set(function.parameters[1:2])
        self.functions.append(function)
        return function

    def own_name(self, function: Function, name: str) -> Function | ast.ClassDef | None:
        """What a name means in a function, where it is one of the checks' own."""
        return None if name in function.local else self.own.get((function.module, name))

    def called(self, function: Function, call: ast.Call) -> list[Function]:
        """The functions of the checks that a call may run."""
        if isinstance(call.func, ast.Name):
            found = self.own_name(function, call.func.id)
            if isinstance(found, ast.ClassDef):
                return [one for one in self.methods["__init__"] if one.node in found.body]
            return [found] if found is not None else []
        return self.methods.get(call.func.attr, []) if isinstance(call.func, ast.Attribute) else []

    def bound(self, called: Function, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """Parameters and what a call gives them; what is not clear is given to all."""
        names = called.parameters
        arguments: list[ast.expr] = list(call.args)
        if called.is_method and isinstance(call.func, ast.Attribute):
            arguments.insert(0, call.func.value)
        elif called.is_method:
            names = names[1:]
        for place, value in enumerate(arguments):
            if isinstance(value, ast.Starred):
                yield from ((name, value.value) for name in names[place:])
            elif place < len(names):
                yield names[place], value
        for keyword in call.keywords:
            if keyword.arg in names:
                yield str(keyword.arg), keyword.value
            else:
                yield from ((name, keyword.value) for name in names)


def root(node: ast.AST) -> str:
    """The name at which an expression such as `name[0].part.method(...)` begins; "" where there is none."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.BinOp):
            node = node.left
        else:
            return ""
    return node.id


def roots(target: ast.expr) -> list[str]:
    """The names that an assignment to a target changes."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for one in target.elts for name in roots(one)]
    return [name] if (name := root(target)) else []
