"""Pictures of a layer of experts: where it sits in the block, and its experts on several machines."""

from typing import TYPE_CHECKING

from storyteller.figures.charts import new_axes, show
from storyteller.figures.routing import EXPERT_PASTELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#333333"


def layer_in_the_block(*, n_experts: int = 8, chosen: tuple[int, ...] = (1, 4)) -> None:
    """A decoder block with a Mixture-of-Experts layer in the place of its feed-forward part, for one token.

    Args:
        n_experts: E.
        chosen: the experts that this token is routed to.
    """
    _, axes = new_axes("The layer takes the place of the feed-forward part: one token's way through a block", "", "")
    axes.set(xlim=(0, 10.6), ylim=(0, 5.2))
    axes.axis("off")
    for x, width, y, name in ((0.1, 1.3, 3.3, "norm"), (1.7, 1.6, 3.3, "attention"), (4.6, 1.0, 3.3, "norm")):
        _box(axes, x, y, width, 0.8, name)
    _box(axes, 5.9, 3.3, 1.1, 0.8, "router", "#e8e8e8")
    for e in range(n_experts):
        y = 4.7 - 3.7 * e / (n_experts - 1) if n_experts > 1 else 2.8
        near = EXPERT_PASTELS[e % len(EXPERT_PASTELS)] if e in chosen else "#ffffff"
        _box(axes, 8.0, y, 1.3, 0.4, f"expert {e}", near, size=8)
        if e in chosen:
            _arrow(axes, 7.0, 3.7, 8.0, y + 0.2)
            _arrow(axes, 9.3, y + 0.2, 10.1, 0.7)
    _arrow(axes, 1.4, 3.7, 1.7, 3.7)
    _arrow(axes, 5.6, 3.7, 5.9, 3.7)
    axes.plot([0.0, 10.4], [0.5, 0.5], color=INK, linewidth=2.5, zorder=0)
    axes.text(0.05, 0.05, "residual stream", fontsize=9, color=INK)
    for left, right, x in ((0.4, 3.9, 0.75), (4.3, 10.1, 5.1)):
        _arrow(axes, left, 0.5, x, 3.3)
        axes.text(right, 0.5, "+", fontsize=15, ha="center", va="center", backgroundcolor="white")
    _arrow(axes, 3.3, 3.7, 3.85, 0.7)
    axes.text(9.9, 0.05, "weighted sum", fontsize=8, ha="center", color=INK)
    show(axes.figure)  # type: ignore[arg-type]


def all_to_all(*, n_machines: int = 4, per_machine: int = 2) -> None:
    """Experts on several machines: every machine sends tokens to every other, and gets its answers back.

    Args:
        n_machines: each with its own texts.
        per_machine: experts on each.
    """
    _, axes = new_axes("Expert parallelism: two all-to-alls in every layer", "", "", height=3.2)
    axes.set(xlim=(-1.1, n_machines * 2.4), ylim=(0, 4.6))
    axes.axis("off")
    rows = ((3.7, "tokens"), (1.9, "experts"), (0.1, "tokens"))
    for y, label in rows:
        axes.text(-1.05, y + 0.35, label, fontsize=9, va="center")
    for machine in range(n_machines):
        x = 2.4 * machine
        color = EXPERT_PASTELS[machine % len(EXPERT_PASTELS)]
        first, last = machine * per_machine, (machine + 1) * per_machine - 1
        for (y, _), text in zip(rows, ("its texts", f"experts {first} to {last}", "its texts"), strict=True):
            _box(axes, x, y, 1.9, 0.7, f"machine {machine}\n{text}", color, size=8)
        for other in range(n_machines):
            _arrow(axes, x + 0.95, 3.7, 2.4 * other + 0.95, 2.6)
            _arrow(axes, x + 0.95, 1.9, 2.4 * other + 0.95, 0.8)
    show(axes.figure)  # type: ignore[arg-type]


def _box(
    axes: "Axes", x: float, y: float, width: float, height: float, text: str, color: str = "#f4f6f9", size: int = 9
) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0.02,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=color, edgecolor=INK, linewidth=0.9))
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size, color="#111111")


def _arrow(axes: "Axes", x: float, y: float, to_x: float, to_y: float) -> None:
    style = {"arrowstyle": "-|>", "color": "#666666", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=(to_x, to_y), xytext=(x, y), arrowprops=style)
