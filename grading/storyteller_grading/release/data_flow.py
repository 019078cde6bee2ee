"""Which values in a lesson's checks come from the student's code, found by reading the checks.

What does not come from there is the same for everybody with the same seed, so that it can be recorded. The analysis
goes by names, across the functions of all files, and looks at no order: where it cannot tell, a value is the student's.

A flow is a set of a function's parameters, and STUDENT for what comes from the student whoever calls it: what a
callback has kept, say. Which parameters are the student's, the calls tell.
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from storyteller_grading.release.check_functions import STUDENT, CheckFunctions, Flow, Function, root, roots

NONE: Flow = frozenset()
Definition = ast.FunctionDef | ast.ClassDef
SCOPES = ast.FunctionDef | ast.Lambda
SHADOWED = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class Checks(CheckFunctions):
    """The files of `checks`, and what is known of the values in them.

    Args:
        trees: the files' syntax, by their names.
    """

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        super().__init__(trees)
        for module, tree in trees.items():
            for node in tree.body:
                if not isinstance(node, Definition):
                    self._escape(module, node)
        self.kept = {name for function in self.functions if function.is_method for name in _kept_by(function.node)}
        self._until_it_stays(self._flows)
        self._until_it_stays(self._calls)

    def _escape(self, module: str, node: ast.AST) -> None:
        """What a table at a file's top level names may be called by anybody."""
        for one in ast.walk(node):
            found = self.own.get((module, one.id)) if isinstance(one, ast.Name) else None
            if isinstance(found, Function):
                found.is_uncertain, found.students = True, set(found.parameters)

    def _until_it_stays(self, step: Callable[[Function], object]) -> None:
        before = None
        while before != (now := [step(function) for function in self.functions]):
            before = now

    # --- Flows --------------------------------------------------------------------------------------------------------

    def flow(self, function: Function, node: ast.AST) -> Flow:
        """What an expression's value comes from."""
        if isinstance(node, ast.Name):
            return function.flows.get(node.id, NONE)
        if isinstance(node, ast.Call) and (parts := self.parts(function, node)) is not None:
            return NONE.union(*parts)
        kept = {STUDENT} if isinstance(node, ast.Attribute) and node.attr in self.kept else set()
        return NONE.union(kept, *(self.flow(function, child) for child in ast.iter_child_nodes(node)))

    def parts(self, function: Function, call: ast.Call) -> list[Flow] | None:
        """What the parts of a call's result come from; None where it is no function of the checks."""
        called = self.called(function, call)
        if not called:
            return None
        if isinstance(call.func, ast.Name) and called[0].node.name == "__init__":
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            return [NONE.union(*(self.flow(function, value) for value in values))]
        rows = []
        for one in called:
            given: dict[str, Flow] = defaultdict(frozenset)
            for name, value in self.bound(one, call):
                given[name] |= self.flow(function, value)
            rows.append([NONE.union(*({STUDENT} if name == STUDENT else given[name] for name in part))
                         for part in one.results])  # fmt: skip
        if len({len(row) for row in rows}) == 1:
            return [NONE.union(*parts) for parts in zip(*rows, strict=True)]
        return [NONE.union(*(part for row in rows for part in row))]

    def _flows(self, function: Function) -> object:
        for name in function.parameters:
            function.flows.setdefault(name, frozenset({name}))
            function.lengths.setdefault(name, frozenset({name}))
        results: list[list[Flow]] = []
        self._statements(function, function.node.body, NONE, results, nested=False)
        if len({len(row) for row in results}) == 1:
            function.results = [NONE.union(*parts) for parts in zip(*results, strict=True)]
        else:
            function.results = [NONE.union(*(part for row in results for part in row))]
        return dict(function.flows), dict(function.lengths), list(function.results)

    def _statements(
        self, function: Function, body: list[ast.stmt], control: Flow, results: list[list[Flow]], *, nested: bool
    ) -> None:
        for node in body:
            inner = control
            for one in self.expressions(node):
                self._within(function, one, control)
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(function, target, node.value, control)
            elif isinstance(node, ast.AugAssign | ast.AnnAssign) and node.value is not None:
                self._put(function, node.target, self.flow(function, node.value) | control)
            elif isinstance(node, ast.For):
                self._loop(function, node.target, node.iter, control)
                inner = control | self.length(function, node.iter)
            elif isinstance(node, ast.While | ast.If):
                inner = control | self.flow(function, node.test)
            elif isinstance(node, ast.With):
                for item in node.items:
                    if item.optional_vars is not None:
                        self._put(function, item.optional_vars, self.flow(function, item.context_expr) | control)
            elif isinstance(node, ast.Return) and not nested:
                results.append(self._returned(function, node.value, control))
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom):
                self._mutation(function, node.value, control | ({STUDENT} if nested else set()))
                if isinstance(node.value, ast.Yield | ast.YieldFrom) and not nested:
                    results.append([self.flow(function, node.value) | control])
            if isinstance(node, ast.FunctionDef):
                self._put(function, ast.Name(node.name), self._of_names(function, node) | control)
                self._statements(function, node.body, control, results, nested=True)
                continue
            for handler in getattr(node, "handlers", []):
                if handler.name:
                    self._put(function, ast.Name(handler.name), frozenset({STUDENT}))
                self._statements(function, handler.body, inner | {STUDENT}, results, nested=nested)
            for name in ("body", "orelse", "finalbody"):
                self._statements(function, getattr(node, name, []), inner, results, nested=nested)

    def _returned(self, function: Function, value: ast.expr | None, control: Flow) -> list[Flow]:
        if isinstance(value, ast.Tuple) and not any(isinstance(one, ast.Starred) for one in value.elts):
            return [self.flow(function, one) | control for one in value.elts]
        parts = self.parts(function, value) if isinstance(value, ast.Call) else None
        if parts is not None:
            return [part | control for part in parts]
        return [control if value is None else self.flow(function, value) | control]

    def _of_names(self, function: Function, node: ast.AST) -> Flow:
        names = (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
        return NONE.union(*(function.flows.get(name, NONE) for name in names))

    def _within(self, function: Function, node: ast.AST, control: Flow) -> None:
        """Names that are bound within an expression."""
        for one in ast.walk(node):
            if isinstance(one, SHADOWED):
                for each in one.generators:
                    self._loop(function, each.target, each.iter, control)
            elif isinstance(one, ast.NamedExpr):
                self._put(function, one.target, self.flow(function, one.value) | control)

    def _loop(self, function: Function, target: ast.expr, iterated: ast.expr, control: Flow) -> None:
        """`for target in iterated`; what `zip` and `enumerate` put side by side stays apart."""
        if isinstance(target, ast.Tuple) and isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name):
            values: list[ast.expr] = []
            if iterated.func.id == "zip":
                values = list(iterated.args)
            elif iterated.func.id == "enumerate" and len(target.elts) == 2:
                values = [ast.Constant(0), iterated.args[0]]
            if len(values) == len(target.elts) and not any(isinstance(one, ast.Starred) for one in values):
                for one, value in zip(target.elts, values, strict=True):
                    self._loop(function, one, value, control)
                return
        if isinstance(iterated, ast.Tuple | ast.List):
            for value in iterated.elts:
                self._assign(function, target, value, control)
            return
        self._put(function, target, self.flow(function, iterated) | control)

    def _assign(self, function: Function, target: ast.expr, value: ast.expr, control: Flow) -> None:
        if isinstance(target, ast.Tuple | ast.List) and not any(isinstance(one, ast.Starred) for one in target.elts):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for one, part in zip(target.elts, value.elts, strict=True):
                    self._assign(function, one, part, control)
                return
            parts = self.parts(function, value) if isinstance(value, ast.Call) else None
            if parts is not None and len(parts) == len(target.elts):
                for one, flow in zip(target.elts, parts, strict=True):
                    self._put(function, one, flow | control)
                return
        length = self.length(function, value) | control if isinstance(target, ast.Name) else None
        self._put(function, target, self.flow(function, value) | control, length)

    def _put(self, function: Function, target: ast.expr, flow: Flow, length: Flow | None = None) -> None:
        for name in roots(target):
            function.flows[name] = function.flows.get(name, NONE) | flow
            function.lengths[name] = function.lengths.get(name, NONE) | (flow if length is None else length)

    def _mutation(self, function: Function, node: ast.expr, control: Flow) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (name := root(node.func)):
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            flow = control.union(*(self.flow(function, value) for value in values))
            self._put(function, ast.Name(name), flow, control if node.func.attr == "append" else flow)

    def length(self, function: Function, node: ast.AST) -> Flow:
        """What decides how often a loop over a value runs before it ends or the case does."""
        if isinstance(node, ast.Name):
            return function.lengths.get(node.id, NONE)
        if isinstance(node, ast.Tuple | ast.List) and not any(isinstance(one, ast.Starred) for one in node.elts):
            return NONE
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            parts = [self.length(function, one.iter) for one in node.generators]
            return NONE.union(*parts, *(self.flow(function, test) for one in node.generators for test in one.ifs))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            strict = any(one.arg == "strict" for one in node.keywords)
            if node.func.id == "zip" and strict and not any(isinstance(one, ast.Starred) for one in node.args):
                flows = [self.length(function, one) for one in node.args]
                return min(flows, key=lambda one: (STUDENT in one, len(one)))  # another length raises an exception
            if node.func.id in ("enumerate", "reversed", "sorted", "list"):
                return self.length(function, node.args[0])
        return self.flow(function, node)

    # --- Calls --------------------------------------------------------------------------------------------------------

    def is_students(self, function: Function, node: ast.AST) -> bool:
        """May this value come from the student's code, in any call of the function?"""
        return not self.flow(function, node).isdisjoint({STUDENT, *function.students})

    def mentions_student(self, function: Function, node: ast.AST) -> bool:
        """Does an expression ask the student's code, or use what came from it?"""
        parts = [one for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute | ast.Call)]
        return any(self.is_students(function, one) for one in parts)

    def _is_open(self, function: Function, iterated: ast.AST) -> bool:
        """May the student's code decide how often a loop runs?"""
        return not self.length(function, iterated).isdisjoint({STUDENT, *function.students})

    def is_given_draw(self, function: Function, call: ast.Call) -> bool:
        """Does the function that a call runs draw anything itself?"""
        whole = [call.func, *call.args, *(keyword.value for keyword in call.keywords)]
        return any(self._holds_draw(function, one) for one in whole)

    def draws(self, function: Function, node: ast.AST) -> bool:
        """Does an expression take something of the draw?"""
        return any(isinstance(one, ast.Name) and one.id in function.impure for one in ast.walk(node))

    def _calls(self, function: Function) -> object:
        self._impure(function)
        certain = {id(node) for node in self.certain(function)}
        called_names = {id(node.func) for node in ast.walk(function.node) if isinstance(node, ast.Call)}
        for node in ast.walk(function.node):
            if isinstance(node, ast.Call):
                for one in self.called(function, node):
                    one.is_uncertain = one.is_uncertain or id(node) not in certain
                    for name, value in self.bound(one, node):
                        if self.is_students(function, value):
                            one.students.add(name)
                        if self._holds_draw(function, value):
                            one.impure.add(name)
            elif isinstance(node, ast.Name | ast.Attribute) and id(node) not in called_names:
                if isinstance(node, ast.Name):
                    found = self.own_name(function, node.id)
                    escaped = [found] if isinstance(found, Function) else []
                else:
                    escaped = self.methods.get(node.attr, [])
                for one in escaped:  # anybody may call it
                    one.is_uncertain, one.students = True, set(one.parameters)
        if function.is_method and function.node.name == "__call__":
            function.is_uncertain, function.students = True, set(function.parameters[1:])
        return sorted(function.students), sorted(function.impure), function.is_uncertain

    def _holds_draw(self, function: Function, node: ast.AST) -> bool:
        """Is a value the draw itself, or a function that draws?"""
        if isinstance(node, ast.Name):
            return node.id in function.impure
        if isinstance(node, ast.Lambda):
            return self.draws(function, node)
        if isinstance(node, ast.Call):
            return False
        return any(self._holds_draw(function, child) for child in ast.iter_child_nodes(node))

    def _impure(self, function: Function) -> None:
        for node in ast.walk(function.node):
            if isinstance(node, ast.Assign) and self._holds_draw(function, node.value):
                function.impure |= {name for target in node.targets for name in roots(target)}
            elif isinstance(node, ast.FunctionDef) and node is not function.node and self.draws(function, node):
                function.impure.add(node.name)

    def certain(self, function: Function) -> Iterator[ast.AST]:
        """The nodes that run just as often whatever the student's code gives back; none within inner functions."""
        if function.is_uncertain or self._leaves_early(function):
            return
        yield from self._certain_in(function, function.node.body)

    def _certain_in(self, function: Function, body: list[ast.stmt]) -> Iterator[ast.AST]:
        for node in body:
            if isinstance(node, SCOPES):
                continue
            for one in self.expressions(node):
                yield from self._certain_within(function, one)
            blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            if isinstance(node, ast.While | ast.If) and self.is_students(function, node.test):
                continue
            if isinstance(node, ast.For) and self._is_open(function, node.iter):
                continue
            if isinstance(node, ast.Try | ast.With) and any(
                self.is_students(function, one) for one in ast.walk(node) if isinstance(one, ast.Call)
            ):
                continue
            for block in blocks:
                yield from self._certain_in(function, block)

    def _certain_within(self, function: Function, node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if isinstance(node, SCOPES):
            return
        if isinstance(node, SHADOWED) and any(
            self._is_open(function, each.iter) or any(self.is_students(function, test) for test in each.ifs)
            for each in node.generators
        ):
            yield from self._certain_within(function, node.generators[0].iter)
            return
        if isinstance(node, ast.IfExp) and self.is_students(function, node.test):
            yield from self._certain_within(function, node.test)
            return
        if isinstance(node, ast.BoolOp) and self.is_students(function, node.values[0]):
            yield from self._certain_within(function, node.values[0])
            return
        for child in ast.iter_child_nodes(node):
            yield from self._certain_within(function, child)

    def _leaves_early(self, function: Function) -> bool:
        """Is there a return, break or continue that depends on the student's code?"""
        for node in ast.walk(function.node):
            is_open = isinstance(node, ast.If | ast.While) and self.is_students(function, node.test)
            if is_open and any(isinstance(one, ast.Return | ast.Break | ast.Continue) for one in ast.walk(node)):
                return True
        return False

    @staticmethod
    def expressions(node: ast.stmt) -> Iterator[ast.AST]:
        """The expressions of a statement itself, without the statements in it."""
        if not isinstance(node, ast.FunctionDef):
            statements = ast.stmt | ast.excepthandler
            yield from (child for child in ast.iter_child_nodes(node) if not isinstance(child, statements))


def _kept_by(method: ast.FunctionDef) -> Iterator[str]:
    """The attributes of `self` that a method other than `__init__` changes."""
    if method.name == "__init__":
        return
    for node in ast.walk(method):
        changed: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            changed = node.targets
        elif isinstance(node, ast.AugAssign):
            changed = [node.target]
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
        ):
            changed = [node.value.func.value]
        for target in changed:
            while isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, ast.Attribute) and root(target) == "self":
                yield target.attr
