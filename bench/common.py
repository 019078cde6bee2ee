"""Timing two or more ways of doing the same thing, side by side.

The machines that run this are shared, so a single figure means little. Every round runs all candidates one after the
other, in an order that changes from round to round; the report is the median of each and the median of the ratios
within a round, which a slow minute of the machine touches on both sides.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"  # what a run of the benchmarks leaves; not kept in the repository
# Samples of real corpora; parts that can do without them say so where they are missing.
SAMPLES = Path(os.environ.get("STORYTELLER_SAMPLES", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its figures, and the goal it is held against."""

    what: str
    figures: Mapping[str, Any]  # name -> number or text, printed in this order
    goal: str = ""
    met: bool | None = None  # None where the row has no goal


def show(console: Console, title: str, rows: Sequence[Row]) -> None:
    """One table for each part: what, figures, goal, and whether it was met in this run."""
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("what", "figures", "goal", "met"):
        table.add_column(column, overflow="fold")
    for row in rows:
        figures = "\n".join(
            f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}"
            for name, value in row.figures.items()
        )
        table.add_row(row.what, figures, row.goal, {True: "yes", False: "no", None: ""}[row.met])
    console.print(table)


def interleaved(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 9,
    clock: Callable[[], float] = time.perf_counter,
    warmup: int = 1,
) -> dict[str, list[float]]:
    """Seconds of each candidate in each round.

    Args:
        candidates: name -> function without arguments.
        rounds: how often each is timed.
        clock: `time.perf_counter` for wall time, `time.process_time` for CPU time.
        warmup: untimed calls of each before the first round.
    """
    for _ in range(warmup):
        for run in candidates.values():
            run()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = clock()
            candidates[name]()
            seconds[name].append(clock() - start)
    return seconds


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over the rounds of ours / theirs: below 1 means that ours is faster."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
