"""A lesson's checks without their answers: what a case compares with, and what an oracle gives, becomes a look-up.

    close(student.softmax(x), torch.softmax(x, -1), "the weights")    # in the repository
    close(student.softmax(x), recorded(3), "the weights")             # in a class's copy

Two kinds of expressions may be recorded: what an assertion compares with, and a call of a function of the checks.
Either must not come from the student's code, must take nothing of the draw (a call's arguments may, and are still
computed), and must run as often whatever the student's code gives back; `data_flow.py` finds out. What then serves
nothing any more is left out, see `left_out.py`.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping

from storyteller_grading.release.check_functions import Function
from storyteller_grading.release.data_flow import Checks
from storyteller_grading.release.left_out import GRADIENTS, Place, children, unneeded, unused

ASSERTIONS = {"equal", "close", "figures"}  # their second argument is what is wanted
REPLAY = "storyteller_course.exercises.recorded"
COMPUTING = (ast.Call, ast.BinOp, ast.Compare, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp)
Edit = tuple[int, int, bytes]  # from, to, and what stands there instead


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
            left_out, names = (
                unneeded(self.checks, function, active) if function.module not in whole else (set(), set())
            )
            removed |= left_out
            for place in [one for one in active.values() if one.function is function]:
                # What is there anyway, or is written out, need not be looked up.
                read = {one.id for one in ast.walk(place.node) if isinstance(one, ast.Name)}
                if names.isdisjoint({*read, GRADIENTS}) and not any(
                    isinstance(one, COMPUTING) for one in ast.walk(place.node)
                ):
                    del active[id(place.node)]
        gone = unused(self.checks, active, removed)
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
            for child in children(node, active):
                yield from walk(child)

        for tree in self.trees.values():
            yield from walk(tree)

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
