"""Figures of several devices: the ring that sums over them, what each of them holds, and a pipeline's turns."""

from collections.abc import Mapping, Sequence

from storyteller.figures.charts import new_axes, show
from storyteller.figures.routing import EXPERT_COLORS, EXPERT_PASTELS

DONE = "#8fd3bd"  # of a sum that is complete
CELL = "padding:4px 10px;border:1px solid #999;color:#111;text-align:center;white-space:nowrap"


def ring_step(ranks: int, exchanges: int) -> str:
    """What every rank has after so many exchanges of a ring all-reduce, as a table in HTML.

    Args:
        ranks: P.
        exchanges: how many are over, from 0 to 2 * (P - 1).
    """
    held = [[{rank} for _ in range(ranks)] for rank in range(ranks)]  # [rank][part]: whose numbers are in the sum
    fresh: set[tuple[int, int]] = set()
    for exchange in range(exchanges):
        half, step = divmod(exchange, ranks - 1)
        moves = [(rank, (rank + half - step) % ranks) for rank in range(ranks)]
        messages = [set(held[rank][part]) for rank, part in moves]
        fresh = set()
        for (rank, part), message in zip(moves, messages, strict=True):
            right = (rank + 1) % ranks
            held[right][part] = message if half else held[right][part] | message
            fresh.add((right, part))
    half = exchanges > ranks - 1 or ranks == 1
    phase = "all-gather" if half else "reduce-scatter"
    text = f"after {exchanges} of {2 * (ranks - 1)} exchanges" + (f" ({phase})" if exchanges else ": nothing was sent")
    head = "".join(f'<th style="{CELL};background:#eee">part {part}</th>' for part in range(ranks))
    rows = []
    for rank in range(ranks):
        cells = []
        for part in range(ranks):
            whole = len(held[rank][part]) == ranks
            color = DONE if whole else EXPERT_PASTELS[rank % len(EXPERT_PASTELS)] if fresh == set() else "#ffffff"
            border = ";outline:3px solid #d55e00;outline-offset:-3px" if (rank, part) in fresh else ""
            words = "complete" if whole else " + ".join(map(str, sorted(held[rank][part])))
            cells.append(f'<td style="{CELL};background:{color}{border}">{words}</td>')
        rows.append(f'<tr><th style="{CELL};background:#eee">rank {rank}</th>{"".join(cells)}</tr>')
    note = "A cell says whose numbers are added up in it; what has just arrived has an orange frame."
    table = f'<table style="border-collapse:collapse"><tr><th></th>{head}</tr>{"".join(rows)}</table>'
    return f"<p><b>{text}</b></p>{table}<p><small>{note}</small></p>"


def pipeline(stages: int, microbatches: int) -> str:
    """Which microbatch every stage works on in each turn of a forward pass, as a table in HTML.

    Args:
        stages: devices behind one another.
        microbatches: into which the batch is cut.
    """
    turns = stages + microbatches - 1
    rows = []
    for stage in range(stages):
        cells = []
        for turn in range(turns):
            number = turn - stage
            works = 0 <= number < microbatches
            color = EXPERT_PASTELS[number % len(EXPERT_PASTELS)] if works else "#ffffff"
            cells.append(f'<td style="{CELL};background:{color};min-width:1em">{number if works else "·"}</td>')
        rows.append(f'<tr><th style="{CELL};background:#eee">stage {stage}</th>{"".join(cells)}</tr>')
    idle = stages * turns - stages * microbatches
    text = f"{turns} turns, of {stages * turns} places {idle} empty: {idle / (stages * turns):.0%}"
    return f'<table style="border-collapse:collapse">{"".join(rows)}</table><p>{text}</p>'


def stacked(rows: Mapping[str, Mapping[str, float]], *, title: str, xlabel: str, limit: float | None = None) -> None:
    """Horizontal bars that are put together of parts, such as what lies on a device, with the sums after them.

    Args:
        rows: name -> part -> how much; all rows have the same parts.
        title: what is to be seen.
        xlabel: what is counted.
        limit: an upright line, such as the memory that there is; None draws none.
    """
    figure, axes = new_axes(title, xlabel, "", height=1.2 + 0.42 * len(rows))
    names: Sequence[str] = list(rows)
    lefts = [0.0] * len(names)
    for part, color in zip(rows[names[0]], EXPERT_COLORS, strict=False):
        values = [rows[name][part] for name in names]
        axes.barh(names, values, left=lefts, color=color, height=0.62, label=part, edgecolor="white", linewidth=0.6)
        lefts = [left + value for left, value in zip(lefts, values, strict=True)]
    for i, total in enumerate(lefts):
        axes.text(total, i, f" {total:,.0f}", va="center", fontsize=9)
    if limit is not None:
        axes.axvline(limit, color="#444444", linewidth=1, linestyle="--")
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.grid(axis="y", visible=False)
    axes.legend(frameon=False, ncols=len(rows[names[0]]), fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    show(figure)
