"""A lesson's checks without their answers: what a case compares with, and what an oracle gives, becomes a look-up.

    close(student.softmax(x), torch.softmax(x, -1), "the weights")    # in the repository
    close(student.softmax(x), recorded(3), "the weights")             # in a class's copy

Two kinds of expressions may be recorded: what an assertion compares with, and a call of a function of the checks.
Either must not come from the student's code, must take nothing of the draw (a call's arguments may, and are still
computed), and must run as often whatever the student's code gives back; `data_flow.py` finds out. What then serves
nothing any more is left out: the statements that only prepared a recorded value, and the functions that nobody calls.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from storyteller_grading.release.data_flow import Checks, Function, root, roots

ASSERTIONS = {"equal", "close", "figures"}  # their second argument is what is wanted
GRADIENTS = ".grad"  # stands for what `backward` writes
REPLAY = "storyteller_course.exercises.recorded"
COMPUTING = (ast.Call, ast.BinOp, ast.Compare, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp)
Edit = tuple[int, int, bytes]  # from, to, and what stands there instead


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


class SealedChecks:
    """The checks of a lesson, as they are recorded and as a class gets them.

    Args:
        sources: the texts of the files, by their names without ".py".
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)
        self.trees = {name: ast.parse(text) for name, text in sources.items()}
        self.checks = Checks(self.trees)
        found = [one for function in self.checks.functions for one in self._places(function)]
        self.places = [Place(number, *one) for number, one in enumerate(found)]

    def _places(self, function: Function) -> Iterator[tuple[ast.expr, Function, bool, bool]]:
        certain = list(self.checks.certain(function))
        wanted = {}
        for node in certain:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ASSERTIONS):
                continue
            if len(node.args) > 1 and not any(isinstance(one, ast.Starred) for one in node.args[:2]):
                wanted[id(node.args[1])] = node.args[1]
        for node in certain:
            is_own = isinstance(node, ast.Call) and bool(self.checks.called(function, node))
            if not isinstance(node, ast.expr) or not (is_own or id(node) in wanted):
                continue
            fixed = isinstance(node, ast.Constant) or any(isinstance(one, ast.NamedExpr) for one in ast.walk(node))
            draws = self.checks.draws(function, node)
            if fixed or self.checks.mentions_student(function, node) or (draws and not is_own):
                continue
            if not (draws and isinstance(node, ast.Call) and self.checks.is_given_draw(function, node)):
                yield node, function, id(node) in wanted and not draws, draws

    # --- Texts --------------------------------------------------------------------------------------------------------

    def to_record(self, recorder: str) -> dict[str, str]:
        """The files with each place as `recorded(number, lambda: ...)`, from the module `recorder`."""
        openers: dict[str, list[tuple[int, int, int, bytes]]] = {name: [] for name in self.sources}
        for place in self.places:
            module = place.function.module
            starts = _line_starts(self.sources[module])
            if place.draws and isinstance(place.node, ast.Call):
                (first, last), form, end = _span(place.node.func, starts), "call=", b")"
            else:
                (first, last), form, end = _span(place.node, starts), "lambda: (", b"))"
            # Where two share a beginning, the outer one comes first; what ends there, ends before.
            openers[module].append((first, 1, -last, f"recorded({place.number}, {form}".encode()))
            openers[module].append((last, 0, -first, end))
        texts = {}
        for name, text in self.sources.items():
            raw, parts, before = text.encode(), [], 0
            for at, _, _, what in sorted(openers[name]):
                parts += [raw[before:at], what]
                before = at
            whole = b"".join([*parts, raw[before:]]).decode()
            texts[name] = _importing(whole, recorder) if parts else whole
        return texts

    def sealed(self, recordable: Collection[int], *, whole: Collection[str] = ()) -> tuple[dict[str, str], set[int]]:
        """The files as a class gets them, and the numbers of the places whose values they look up.

        Args:
            recordable: the places whose values can be recorded.
            whole: the files whose functions keep all their statements.
        """
        active = {id(one.node): one for one in self.places if one.number in recordable}
        removed: set[int] = set()
        for function in self.checks.functions:
            left_out, names = self._unneeded(function, active) if function.module not in whole else (set(), set())
            removed |= left_out
            for place in [one for one in active.values() if one.function is function]:
                # What is there anyway, or is written out, need not be looked up.
                read = {one.id for one in ast.walk(place.node) if isinstance(one, ast.Name)}
                if names.isdisjoint({*read, GRADIENTS}) and not any(
                    isinstance(one, COMPUTING) for one in ast.walk(place.node)
                ):
                    del active[id(place.node)]
        gone = self._unused(active, removed)
        used = {place.number for node, place in self._outermost(active, removed, gone)}
        texts = {name: self._text(name, active, removed, gone) for name in self.sources}
        return texts, used

    def _outermost(
        self, active: Mapping[int, Place], removed: set[int], gone: set[int]
    ) -> Iterator[tuple[ast.AST, Place]]:
        def walk(node: ast.AST) -> Iterator[tuple[ast.AST, Place]]:
            if id(node) in removed or id(node) in gone:
                return
            if id(node) in active:
                yield node, active[id(node)]
            for child in _children(node, active):
                yield from walk(child)

        for tree in self.trees.values():
            yield from walk(tree)

    def _unneeded(self, function: Function, active: Mapping[int, Place]) -> tuple[set[int], set[str]]:
        """The statements of a function that only prepare what is looked up, by id, and the names that they change."""
        checks, local = self.checks, _bound(function, set()) - set(function.parameters)
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
            if id(node) not in removable
            and (not isinstance(node, compound) or self._is_needed_itself(function, node, active))
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

    def _is_needed_itself(self, function: Function, node: ast.stmt, active: Mapping[int, Place]) -> bool:
        """Does the head of a compound statement do anything, whatever stands in it?"""
        heads = list(self.checks.expressions(node))
        return any(self.checks.draws(function, one) or self.checks.is_students(function, one) for one in heads)

    def _unused(self, active: Mapping[int, Place], removed: set[int]) -> set[int]:
        """The functions, methods and classes that nothing names any more, and imports of them, by id."""
        parts: list[tuple[ast.AST, str]] = []  # what may go, and its name
        always: list[ast.AST] = []
        for tree in self.trees.values():
            cases = [one.node for one in self.checks.functions if one.is_case]
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
        for tree in self.trees.values():
            named = set()
            for node in tree.body:
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    named |= _mentioned(node, active, removed | gone)
            imports = [one for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for one in node.names]
            gone |= {id(one) for one in imports if (one.asname or one.name).partition(".")[0] not in named}
        return gone

    def _text(self, name: str, active: Mapping[int, Place], removed: set[int], gone: set[int]) -> str:
        """The text of a file without what is left out, and with look-ups."""
        text, starts = self.sources[name], _line_starts(self.sources[name])
        edits: list[Edit] = []
        raw = text.encode()

        def walk(node: ast.AST) -> None:
            if id(node) in removed or id(node) in gone:
                edits.append((*_lines(node, starts), b""))
                return
            if id(node) in active:
                place = active[id(node)]
                if not place.draws or not isinstance(node, ast.Call):
                    edits.append((*_span(node, starts), f"recorded({place.number})".encode()))
                    return
                first, last = _span(node.func, starts)
                edits.append((first, raw.index(b"(", last) + 1, f"recorded({place.number}, ".encode()))
                for one in place.left:
                    walk(one)
                return
            if isinstance(node, ast.Import | ast.ImportFrom):
                left = [one for one in node.names if id(one) not in gone]
                if not left:
                    edits.append((*_lines(node, starts), b""))
                elif len(left) < len(node.names):
                    kind = type(node)(**{**vars(node), "names": left})
                    edits.append((*_span(node, starts), ast.unparse(kind).encode()))
                return
            for _, value in ast.iter_fields(node):
                is_block = isinstance(value, list) and value and all(isinstance(one, ast.stmt) for one in value)
                is_empty = is_block and all(id(one) in removed or id(one) in gone for one in value)
                if is_empty and not isinstance(node, ast.Module):
                    first, last = _lines(value[0], starts)[0], _lines(value[-1], starts)[1]
                    edits.append((first, last, b" " * value[0].col_offset + b"pass\n"))
                    continue
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, ast.AST):
                        walk(one)

        walk(self.trees[name])
        for first, last, what in sorted(edits, reverse=True):
            raw = raw[:first] + what + raw[last:]
        sealed = re.sub(r"\n{4,}", "\n\n\n", raw.decode())
        return _importing(sealed, REPLAY) if "recorded(" in sealed else sealed


def _importing(text: str, module: str) -> str:
    """The text with an import of `recorded` behind its docstring."""
    body = ast.parse(text).body
    is_docstring = bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    lines = text.splitlines(keepends=True)
    after = body[0].end_lineno if is_docstring and body[0].end_lineno else 0
    return "".join([*lines[:after], f"\nfrom {module} import recorded\n", *lines[after:]])


def _line_starts(text: str) -> list[int]:
    """Where each line begins, in bytes."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(node: ast.AST, starts: list[int]) -> tuple[int, int]:
    place = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
    return (
        starts[place["lineno"] - 1] + place["col_offset"],
        starts[place["end_lineno"] - 1] + place["end_col_offset"],
    )


def _lines(node: ast.AST, starts: list[int]) -> tuple[int, int]:
    """The whole lines of a statement, its decorators included."""
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])  # type: ignore[attr-defined]
    return starts[first - 1], starts[node.end_lineno]  # type: ignore[attr-defined]


def _children(node: ast.AST, active: Mapping[int, Place]) -> Iterator[ast.AST]:
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
    return own.union(*(_names(child, active) for child in _children(node, active)))


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
    return own.union(*(_mentioned(child, active, without) for child in _children(node, active)))


def _bound(function: Function, removed: set[int]) -> set[str]:
    """The names that a function binds, without the statements that are left out."""
    names: set[str] = set()

    def walk(node: ast.AST) -> None:
        if id(node) in removed:
            return
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
