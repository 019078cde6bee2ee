"""Small pictures of a difference, as HTML: heat maps for tensors, aligned rows for texts and lists.

Their colours are translucent, so that they suit light and dark pages alike. Their size is bounded.
"""

import html
import math
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any

from storyteller_course.exercises.equality import Rules, agreement, first_difference, is_array, is_tensor
from storyteller_course.report.safe_repr import clean, safe_repr

MAX_ROWS, MAX_COLUMNS = 16, 32  # entries of a heat map; larger ones are shown in blocks
MAX_PANEL_PIXELS = 190  # width
MAX_CELL_PIXELS = 15
WINDOW_ITEMS = 72  # characters or items of an aligned row
ITEMS_BEFORE = 24  # of them before the first difference
MIN_SIMILARITY = 0.6  # share of two rows that is equal, from which on they are aligned
BLUE, VIOLET, ORANGE, GREY = "66,133,244", "171,71,188", "230,126,34", "128,128,128"
VISIBLE = {"\n": "↵", "\t": "⇥", "\r": "␍", " ": "·"}


def picture(pair: tuple[Any, Any] | None, rules: Rules) -> str:
    """The picture that suits the two values that differ; empty where none helps."""
    if pair is None:
        return ""
    got, wanted = pair
    if (is_tensor(got) and is_tensor(wanted)) or (is_array(got) and is_array(wanted)):
        return heat_maps(got, wanted, rules)
    if isinstance(got, str) and isinstance(wanted, str):
        return aligned(got, wanted, joined=True)
    if isinstance(got, bytes) and isinstance(wanted, bytes):
        return aligned(got, wanted, write=lambda byte: f"{byte:02x}")
    if _is_row(got) and _is_row(wanted):
        return aligned(got, wanted, write=lambda item: safe_repr(item, max_chars=24))
    return ""


def _is_row(value: Any) -> bool:
    simple = str | bytes | int | float | tuple
    return isinstance(value, list | tuple) and all(item is None or isinstance(item, simple) for item in value)


# --- Tensors ---------------------------------------------------------------------------------------------------------


def heat_maps(got: Any, wanted: Any, rules: Rules) -> str:
    """Three panels: yours, wanted, and where they differ. Of more than two dimensions the first slice that differs."""
    import torch

    got, wanted = (
        torch.from_numpy(value.copy()) if is_array(value) else value.detach().cpu() for value in (got, wanted)
    )
    if got.shape != wanted.shape or got.numel() < 2 or got.dtype.is_complex or wanted.dtype.is_complex:
        return ""
    wrong = ~agreement(got, wanted, rules)
    # Two dimensions of each: of more, where the first difference is; of one, a single row.
    place: list[int] = wrong.nonzero()[0].tolist()[: max(got.dim() - 2, 0)] if wrong.any() else [0] * (got.dim() - 2)
    views = [tensor[tuple(place)] for tensor in (got.double(), wanted.double(), wrong)]
    mine, right, bad = (view.unsqueeze(0) if view.dim() == 1 else view for view in views)
    mine, right = _in_blocks(mine, bad), _in_blocks(right, bad)
    bad = _in_blocks(bad.double(), bad) > 0
    finite = torch.cat([mine.flatten(), right.flatten()]).abs()
    largest = finite[finite.isfinite()].max().item() if finite.isfinite().any() else 0.0
    gap = (mine - right).abs().nan_to_num(math.inf, posinf=math.inf)
    panels = [
        _panel("yours", mine, [[_colour(number, largest) for number in row] for row in mine.tolist()]),
        _panel("wanted", right, [[_colour(number, largest) for number in row] for row in right.tolist()]),
        _panel("difference", mine - right, _alarm(gap.tolist(), bad.tolist())),
    ]
    note = f'<div class="sty-note">slice [{", ".join([*map(str, place), ":", ":"])}]</div>' if place else ""
    return f'{note}<div class="sty-maps">{"".join(panels)}</div>'


def _in_blocks(values: Any, bad: Any) -> Any:
    """At most MAX_ROWS x MAX_COLUMNS: of each block one entry, one that differs where there is one."""
    rows, columns = values.shape
    tall, wide = math.ceil(rows / MAX_ROWS), math.ceil(columns / MAX_COLUMNS)
    if tall == wide == 1:
        return values
    picked = values.new_empty(math.ceil(rows / tall), math.ceil(columns / wide))
    for row in range(picked.shape[0]):
        for column in range(picked.shape[1]):
            block = (slice(row * tall, (row + 1) * tall), slice(column * wide, (column + 1) * wide))
            picked[row, column] = values[block].flatten()[bad[block].flatten().int().argmax()]
    return picked


def _colour(number: float, largest: float) -> str:
    """Blue above zero, violet below, nothing at zero, and no colour at all for what is no finite number."""
    if not math.isfinite(number):
        return ""
    share = 0.05 + 0.9 * abs(number) / largest if largest else 0.05
    return f"rgba({BLUE if number >= 0 else VIOLET},{share:.2f})"


def _alarm(gap: list[list[float]], bad: list[list[bool]]) -> list[list[str]]:
    """Nearly nothing where entries agree, orange where they differ, more so the farther they are apart."""
    apart = [
        far for fars, wrongs in zip(gap, bad, strict=True) for far, wrong in zip(fars, wrongs, strict=True) if wrong
    ]
    widest = max((far for far in apart if math.isfinite(far)), default=0.0) or 1.0
    return [
        [
            f"rgba({ORANGE},{0.35 + 0.6 * min(far / widest, 1.0):.2f})" if wrong else f"rgba({GREY},0.10)"
            for far, wrong in row
        ]
        for row in (zip(*rows, strict=True) for rows in zip(gap, bad, strict=True))
    ]


def _panel(title: str, values: Any, colours: list[list[str]]) -> str:
    """One heat map as an SVG; each cell says its number when pointed at."""
    rows, columns = values.shape
    size = min(MAX_CELL_PIXELS, MAX_PANEL_PIXELS // columns)
    gap = 1 if size > 5 else 0
    cells = []
    for row, (numbers, shades) in enumerate(zip(values.tolist(), colours, strict=True)):
        for column, (number, colour) in enumerate(zip(numbers, shades, strict=True)):
            edge = "" if colour else f' stroke="rgba({GREY},.7)" stroke-dasharray="2 1"'
            cells.append(
                f'<rect x="{column * size}" y="{row * size}" width="{size - gap}" height="{size - gap}" rx="1.5" '
                f'fill="{colour or "none"}"{edge}><title>[{row}, {column}] {number:.5g}</title></rect>'
            )
    width, height = columns * size, rows * size
    svg = f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">{"".join(cells)}</svg>'
    return f'<div class="sty-map"><div class="sty-note">{title}</div>{svg}</div>'


# --- Texts and lists -------------------------------------------------------------------------------------------------


def aligned(
    got: Sequence[Any], wanted: Sequence[Any], *, joined: bool = False, write: Callable[[Any], str] = str
) -> str:
    """Two rows below each other around the first difference; what differs is marked."""
    start, *rows_of_items = window(got, wanted)
    got, wanted = ([write(item) for item in row] for row in rows_of_items)
    rows = {"yours": "", "wanted": ""}
    for tag, left, right, above, below in opcodes(got, wanted):
        mine, its = got[left:right], wanted[above:below]
        length = max(len(mine), len(its))
        for name, pieces in (("yours", mine), ("wanted", its)):
            cells = [_cell(piece, tag == "equal", joined) for piece in pieces]
            cells += [_cell("", False, joined)] * (length - len(pieces))
            rows[name] += "".join(cells)
    lead = '<span class="sty-skip">…</span>' if start else ""
    body = "".join(f"<div><b>{name}</b><code>{lead}{cells}</code></div>" for name, cells in rows.items())
    return f'<div class="sty-rows{"" if joined else " sty-items"}">{body}</div>'


def opcodes(got: Sequence[str], wanted: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """What is equal and what is not, as of difflib; rows with little in common are equal only where they begin."""
    matcher = SequenceMatcher(None, got, wanted, autojunk=False)
    if matcher.ratio() >= MIN_SIMILARITY:
        return matcher.get_opcodes()
    same = first_difference(got, wanted)
    return [("equal", 0, same, 0, same), ("replace", same, len(got), same, len(wanted))]


def window(got: Sequence[Any], wanted: Sequence[Any]) -> tuple[int, Sequence[Any], Sequence[Any]]:
    """Where to start, and what to show of each: some before the first difference, and what follows it."""
    first = first_difference(got, wanted)
    start = max(0, first - ITEMS_BEFORE)
    return start, got[start : start + WINDOW_ITEMS], wanted[start : start + WINDOW_ITEMS]


def _cell(piece: str, same: bool, joined: bool) -> str:
    shown = "".join(VISIBLE.get(character, character) for character in piece) if not same or not joined else piece
    if joined and same:
        shown = piece.replace("\n", VISIBLE["\n"]).replace("\t", VISIBLE["\t"])
    text = html.escape(clean(shown, 40)) or "&nbsp;"
    return text if joined and same else f'<span class="{"sty-same" if same else "sty-diff"}">{text}</span>'


def aligned_text(got: Sequence[str], wanted: Sequence[str], *, separator: str = "") -> str:
    """The same for where only text is shown: two rows and a row of carets below what differs."""
    start, got, wanted = window(got, wanted)
    rows = ["", "", ""]
    for tag, left, right, above, below in opcodes(got, wanted):
        mine, its = list(got[left:right]), list(wanted[above:below])
        for index in range(max(len(mine), len(its))):
            pair = [
                clean("".join(VISIBLE.get(c, c) for c in row[index])) if index < len(row) else "" for row in (mine, its)
            ]
            width = max(map(len, pair))
            fields = [*pair, "" if tag == "equal" else "^" * max(width, 1)]
            rows = [row + field.ljust(width) + separator for row, field in zip(rows, fields, strict=True)]
    lead = "…" if start else ""
    names = (f"yours   {lead}", f"wanted  {lead}", " " * (8 + len(lead)))
    return "\n".join((name + row).rstrip() for name, row in zip(names, rows, strict=True))
