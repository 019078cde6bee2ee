"""Cells in which a student predicts an outcome: tagged `predict`, with the prediction that the solution makes.

    predict("first_merge", ["t h", "h e", "space t"], mine="b")

The student's notebook has `mine=None` there. The next code cell ends with `reveal("first_merge", ...)`.
"""

import ast
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from storyteller_grading.builder.lesson_markdown import BuildError, Piece

PREDICT = "predict"  # the tag, and the function
FORM = 'a cell tagged `predict` is one call, predict("NAME", ["...", "..."], mine="a"), with the solution\'s letter'


def without_prediction(source: str) -> str:
    """The cell as the student finds it."""
    value = _prediction(source)
    if value is None or value.end_col_offset is None:
        raise ValueError(FORM)
    lines = source.split("\n")
    line = lines[value.lineno - 1].encode()
    lines[value.lineno - 1] = (line[: value.col_offset] + b"None" + line[value.end_col_offset :]).decode()
    return "\n".join(lines)


def check_predictions(pieces: Sequence[Piece], path: Path) -> None:
    """Raise a BuildError unless each prediction has its form, and the next code cell reveals what came."""
    code = [piece for piece in pieces if piece.kind == "code"]
    seen = set[str]()
    for piece, following in pairwise([*code, None]):
        assert piece is not None
        calls = [call for call in _calls(piece.source) if call.func.id == PREDICT]  # type: ignore[attr-defined]
        if bool(calls) != (PREDICT in piece.tags) or (calls and _prediction(piece.source) is None):
            raise BuildError(path, piece.line, FORM + ".")
        for call in calls:
            name = ast.literal_eval(call.args[0])
            if name in seen:
                raise BuildError(path, piece.line, f"there is a prediction {name!r} already.")
            seen.add(name)
            if following is None or name not in _revealed(following.source):
                raise BuildError(path, piece.line, f'the next code cell must say what came: reveal("{name}", ...).')
        for name in _revealed(piece.source) - seen:
            raise BuildError(path, piece.line, f'reveal("{name}", ...) has no predict("{name}", ...) before it.')


def _prediction(source: str) -> ast.Constant | None:
    """The letter in a prediction's cell; None where the cell has another form."""
    statements = ast.parse(source).body
    if len(statements) != 1 or len(_calls(source)) != 1 or not isinstance(statements[0], ast.Expr):
        return None
    call = statements[0].value
    if not isinstance(call, ast.Call) or len(call.args) != 2 or [one.arg for one in call.keywords] != ["mine"]:
        return None
    name, choices, mine = *call.args, call.keywords[0].value
    if not (isinstance(name, ast.Constant) and isinstance(choices, ast.List) and isinstance(mine, ast.Constant)):
        return None
    letters = "abcdefgh"[: len(choices.elts)]
    return mine if isinstance(mine.value, str) and len(mine.value) == 1 and mine.value in letters else None


def _calls(source: str) -> list[ast.Call]:
    """The calls of a cell that name a function plainly; none where IPython's own syntax is used."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def _revealed(source: str) -> set[str]:
    return {
        str(call.args[0].value)
        for call in _calls(source)
        if call.func.id == "reveal" and call.args and isinstance(call.args[0], ast.Constant)  # type: ignore[attr-defined]
    }
