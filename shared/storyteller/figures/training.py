"""Figures of training: curves of a run, experts' load, descent in a ravine, first steps of AdamW, float16's range."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from storyteller.figures.charts import as_html, dress, new_axes, plain_numbers, show
from storyteller.figures.display import COLORS

MIN_FLOAT16, MAX_FLOAT16 = 2.0**-24, 65504.0  # absolute values that float16 can hold, apart from 0
MIN_EXPONENT, MAX_EXPONENT = -50, 20  # powers of 2 that are drawn


def run_curves(
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    xlabel: str = "update",
    marks: Sequence[int] = (),
    marked: str = "",
    log: Collection[str] = (),
) -> None:
    """A panel for each measurement of a run, one below the other over the same updates.

    Args:
        series: name, with its unit -> one number an update.
        title: what is to be seen.
        xlabel: of the lowest panel.
        marks: updates at which an upright line goes through all panels.
        marked: what happened there, written in the highest panel at the first of them.
        log: names of the panels with a logarithmic axis.
    """
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        len(series),
        1,
        figsize=(7.6, 1.45 * len(series) + 0.6),
        dpi=90,
        sharex=True,
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    for panel, (name, values), color in zip(panels[:, 0], series.items(), COLORS, strict=False):
        panel.plot(range(1, len(values) + 1), values, color=color, linewidth=1.4)
        panel.set_ylabel(name, fontsize=9)
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
        if name in log:
            panel.set_yscale("log")
            plain_numbers(panel.yaxis, values)
        for update in marks:
            panel.axvline(update, color="#444444", linewidth=1, linestyle="--")
    if marks:
        panels[0, 0].annotate(f" {marked}", (marks[0], 0.95), xycoords=("data", "axes fraction"), va="top", fontsize=9)
    figure.align_ylabels()
    panels[-1, 0].set_xlabel(xlabel)
    show(figure)


def losses_figure(curves: dict[str, list[tuple[int, float]]]) -> Any:
    """Loss by step: a fine line, and dots for validation."""
    figure, axes = _threadsafe_axes("Loss by step", "step", "nats a token")
    for (label, points), color in zip(curves.items(), COLORS, strict=False):
        steps, values = zip(*points, strict=True)
        style = {"marker": "o", "markersize": 4} if label == "validation" else {"linewidth": 0.8}
        axes.plot(steps, values, color=color, label=label, **style)
    axes.legend(frameon=False)
    return figure


def load_figure(loads: Sequence[Sequence[float]], step: int) -> Any:
    """How each layer's choices are spread over its experts: a row for each layer, in shares of the even share."""
    n_experts = len(loads[0])
    figure, axes = _threadsafe_axes(
        f"Load of the experts at step {step}: 1 is the even share", "expert", "layer", height=1.2 + 0.4 * len(loads)
    )
    even = [[share * n_experts for share in layer] for layer in loads]
    axes.imshow(even, cmap="Blues", vmin=0, vmax=max(2.0, *map(max, even)), aspect="auto")
    for layer, shares in enumerate(even):
        for expert, share in enumerate(shares):
            color = "white" if share > 1.4 else "black"
            axes.text(expert, layer, f"{share:.2f}", ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(n_experts))
    axes.set_yticks(range(len(loads)))
    axes.grid(visible=False)
    return figure


def _threadsafe_axes(title: str, xlabel: str, ylabel: str, *, height: float = 3.6) -> tuple[Any, Any]:
    """Axes without pyplot, whose state belongs to the main thread: a tracked run's figures are drawn in another."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, height), dpi=90, layout="constrained")
    axes = figure.subplots()
    dress(axes, title, xlabel, ylabel)
    return figure, axes


def descent(paths: Mapping[str, Sequence[tuple[float, float]]], *, steepness: tuple[float, float], title: str) -> str:
    """Ways down into a ravine, a panel for each optimizer: HTML.

    Args:
        paths: name -> the places (x, y) after each step, the start first.
        steepness: (a, b) of the loss a x² / 2 + b y² / 2, whose lowest place is (0, 0).
        title: what is to be seen.
    """
    import matplotlib.pyplot as plt

    starts = [path[0] for path in paths.values()]
    right = 0.35 * max(abs(x) for x, _ in starts)
    left, high = -1.15 * max(abs(x) for x, _ in starts), 1.6 * max(abs(y) for _, y in starts)
    xs = [left + (right - left) * i / 80 for i in range(81)]
    ys = [-high + 2 * high * i / 60 for i in range(61)]
    losses = [[(steepness[0] * x * x + steepness[1] * y * y) / 2 for x in xs] for y in ys]
    rows = -(-len(paths) // 2)  # rounded up
    figure, panels = plt.subplots(
        rows, 2, figsize=(7.6, 2.1 * rows + 0.4), dpi=90, sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    for panel, (name, path), color in zip(panels.flat, paths.items(), COLORS, strict=False):
        lowest, highest = min(map(min, losses)), max(map(max, losses))
        panel.contour(xs, ys, losses, levels=[lowest + (highest - lowest) * (i / 9) ** 2 for i in range(1, 9)],
                      colors="#b5b5b5", linewidths=0.8)  # fmt: skip
        panel.plot(*zip(*path, strict=True), color=color, linewidth=1.2, marker=".", markersize=4)
        panel.plot(0, 0, "+", color="#222222", markersize=9)
        panel.set_xlim(left, right)
        panel.set_ylim(-high, high)
        x, y = path[-1]
        end = (steepness[0] * x * x + steepness[1] * y * y) / 2
        told = f"{end:.2g}" if end < 1e3 else "out of sight"
        panel.set_title(f"{name}: loss {told} after {len(path) - 1} steps", loc="left", fontsize=9.5)
    return as_html(figure, title)


def adam_steps(betas: tuple[float, float], *, steps: int = 60) -> str:
    """How far AdamW moves in each step under a gradient that stays the same, with and without bias correction: HTML."""
    corrected, raw, mean, square = [], [], 0.0, 0.0
    for step in range(1, steps + 1):
        mean = betas[0] * mean + (1 - betas[0])
        square = betas[1] * square + (1 - betas[1])
        raw.append(mean / math.sqrt(square))
        corrected.append(mean / (1 - betas[0] ** step) / math.sqrt(square / (1 - betas[1] ** step)))
    worst = max(raw)
    figure, axes = new_axes(
        f"Without the correction the longest step is {worst:.1f} learning rates long, the first {raw[0]:.1f}",
        "step",
        "learning rates moved",
        height=3.0,
    )
    axes.plot(range(1, steps + 1), raw, color=COLORS[1], label="averages as they are")
    axes.plot(range(1, steps + 1), corrected, color=COLORS[0], label="bias taken out")
    axes.set_ylim(0, 6.6)
    axes.legend(frameon=False)
    return as_html(figure, f"step length of AdamW with betas {betas}")


def float16_range(exponents: Sequence[float], scale: float) -> str:
    """Which gradients float16 can hold when the loss is multiplied with `scale`: HTML.

    Args:
        exponents: log2 of the absolute values of gradients that are not 0, at scale 1.
        scale: of the loss.
    """
    moved = [exponent + math.log2(scale) for exponent in exponents]
    low, high = math.log2(MIN_FLOAT16) - 1, math.log2(MAX_FLOAT16)  # half of the smallest number still rounds up to it
    lost = sum(exponent < low for exponent in moved) / len(moved)
    times = f"{scale:,g}" if scale >= 1 else f"1/{1 / scale:,g}"
    over = sum(exponent > high for exponent in moved) / len(moved)
    figure, axes = new_axes(
        f"Loss times {times}: {lost:.1%} of the gradients become 0, {over:.1%} infinite",
        "log2 of the gradient's absolute value",
        "gradients (%)",
        height=3.0,
    )
    edges = list(range(MIN_EXPONENT, MAX_EXPONENT + 1))
    axes.hist(moved, bins=edges, weights=[100 / len(moved)] * len(moved), color=COLORS[0], alpha=0.75)
    axes.axvspan(MIN_EXPONENT, low, color=COLORS[5], alpha=0.18, linewidth=0)
    axes.axvspan(high, MAX_EXPONENT, color=COLORS[4], alpha=0.25, linewidth=0)
    axes.set_xlim(MIN_EXPONENT, MAX_EXPONENT)
    axes.set_ylim(0, 20)
    axes.text(MIN_EXPONENT + 1, 18, "0 in float16", fontsize=9)
    axes.text(MAX_EXPONENT - 0.3, 18, "infinite", fontsize=9, ha="right")
    return as_html(figure, f"gradients in float16 at a loss scale of {times}")
