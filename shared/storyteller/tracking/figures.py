"""The pictures that a run keeps: the loss so far, and how each layer's experts share the work.

They are drawn in a thread, so nothing here touches pyplot, whose state belongs to the main thread.
"""

from collections.abc import Sequence
from typing import Any

from storyteller.figures.charts import dress
from storyteller.figures.display import COLORS
from storyteller.tracking.background_writer import OpenRun

LOSSES = {"training": "loss", "validation": "validation/loss"}


def draw_curves(run: OpenRun) -> None:
    """Draw the loss of training and validation, from what the run has logged, into the run's `plots/loss.png`."""
    curves = {}
    for label, metric in LOSSES.items():
        points = sorted((point.step, point.value) for point in run.client.get_metric_history(run.run_id, metric))
        if points:
            curves[label] = points
    if curves:
        run.client.log_figure(run.run_id, losses_figure(curves), "plots/loss.png")


def losses_figure(curves: dict[str, list[tuple[int, float]]]) -> Any:
    """Loss by step: a fine line, and dots for validation."""
    figure, axes = _new_axes("Loss by step", "step", "nats a token")
    for (label, points), color in zip(curves.items(), COLORS, strict=False):
        steps, values = zip(*points, strict=True)
        style = {"marker": "o", "markersize": 4} if label == "validation" else {"linewidth": 0.8}
        axes.plot(steps, values, color=color, label=label, **style)
    axes.legend(frameon=False)
    return figure


def load_figure(loads: Sequence[Sequence[float]], step: int) -> Any:
    """How each layer's choices are spread over its experts: a row for each layer, in shares of the even share."""
    n_experts = len(loads[0])
    figure, axes = _new_axes(
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


def _new_axes(title: str, xlabel: str, ylabel: str, *, height: float = 3.6) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, height), dpi=90, layout="constrained")
    axes = figure.subplots()
    dress(axes, title, xlabel, ylabel)
    return figure, axes
