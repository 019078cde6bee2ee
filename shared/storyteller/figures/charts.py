"""Charts: distributions, lines and bars. The title says what is to be seen."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storyteller.figures.display import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK = "#767676"  # of what is black on white paper; contrast 4.5 to white, 4.2 to JupyterLab's dark ground
MANY_COLORS = (*COLORS, "#2a9d9d", "#b8960c")  # where six are not enough
DARKEST = 0.35  # of the largest channel: what has no more counts as black

Series = Sequence[float]
Curve = tuple[Series, Series]  # x and y


def histogram(
    series: Mapping[str, Series], *, title: str, xlabel: str, marks: Mapping[str, float] | None = None, bins: int = 40
) -> None:
    """Distributions over one another, with upright lines at the marks."""
    figure, axes = new_axes(title, xlabel, "share of the texts (%)")
    low = min(min(values) for values in series.values())
    high = max(max(values) for values in series.values())
    edges = [low + (high - low) * i / bins for i in range(bins + 1)]
    for (name, values), color in zip(series.items(), COLORS, strict=False):
        weights = [100 / len(values)] * len(values)
        axes.hist(values, bins=edges, weights=weights, color=color, alpha=0.55, label=name)
    top = axes.get_ylim()[1]
    for i, (name, value) in enumerate((marks or {}).items()):
        axes.axvline(value, color="#444444", linewidth=1, linestyle="--")
        axes.text(value, top * (0.97 - 0.08 * (i % 2)), f" {name}", fontsize=9, color="#444444", va="top")
    axes.legend(frameon=False)
    show(figure)


def curves(
    lines: Mapping[str, Curve],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    log: str = "",
    marks: Mapping[str, tuple[float, float]] | None = None,
    upright: Mapping[str, float] | None = None,
    dashed: Iterable[str] = (),
    dots: bool = False,
) -> None:
    """Lines, some of them dashed, with a ring and a name at the marks.

    Args:
        lines: name -> (xs, ys).
        title: what is to be seen.
        xlabel: of the axis.
        ylabel: of the axis.
        log: "x", "y" or "xy" for logarithmic axes.
        marks: text -> (x, y).
        upright: text -> x, an upright line there.
        dashed: names of the lines that are drawn dashed: fits and guesses, not measurements.
        dots: also draw each point.
    """
    figure, axes = new_axes(title, xlabel, ylabel)
    for (name, (xs, ys)), color in zip(lines.items(), COLORS, strict=False):
        style = {"linestyle": "--", "linewidth": 1.2} if name in dashed else {"linewidth": 1.8}
        axes.plot(
            xs, ys, color=color, label=name, marker="o" if dots and name not in dashed else "", markersize=4, **style
        )
    if "x" in log:
        axes.set_xscale("log")
        plain_numbers(axes.xaxis, [x for xs, _ in lines.values() for x in xs])
    if "y" in log:
        axes.set_yscale("log")
    for text, (x, y) in (marks or {}).items():
        axes.plot([x], [y], marker="o", markersize=11, markerfacecolor="none", markeredgecolor="#222222")
        axes.annotate(text, (x, y), xytext=(-8, 10), textcoords="offset points", ha="right", fontsize=9)
    for text, x in (upright or {}).items():
        axes.axvline(x, color="#444444", linewidth=1, linestyle=":")
        axes.annotate(f" {text}", (x, 1), xycoords=("data", "axes fraction"), fontsize=9, va="top", color="#444444")
    axes.legend(frameon=False)
    show(figure)


def plain_numbers(axis: "Axis", values: Series) -> None:
    """Write 2,000 on a logarithmic axis and not 2 x 10^3, where it is short enough for that."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if min(values) >= 1 and max(values) / min(values) < 1000:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axis.set_minor_formatter(NullFormatter())


def bars(values: Mapping[str, float], *, title: str, xlabel: str, form: str = "{:g}") -> None:
    """Horizontal bars with their values after them, the first on top."""
    figure, axes = new_axes(title, xlabel, "", height=0.9 + 0.33 * len(values))
    names = list(values)
    axes.barh(names, [values[name] for name in names], color=COLORS[0], height=0.65)
    for i, name in enumerate(names):
        axes.text(values[name], i, " " + form.format(values[name]), va="center", fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    show(figure)


def dots(values: Mapping[str, Series], *, title: str, xlabel: str, against_first: bool = True) -> None:
    """A row of dots for each thing, one for each seed, with a bar at their mean.

    Args:
        values: thing -> its numbers.
        title: what is to be seen.
        xlabel: what the numbers are.
        against_first: the first thing is what the others are compared with: it has another colour, its span is shaded.
    """
    figure, axes = new_axes(title, xlabel, "", height=1.1 + 0.36 * len(values))
    first = next(iter(values.values()))
    if against_first:
        axes.axvspan(min(first), max(first), color=COLORS[0], alpha=0.15, linewidth=0)
    for place, numbers in enumerate(values.values()):
        color = COLORS[0] if place == 0 or not against_first else COLORS[1]
        axes.plot(numbers, [place] * len(numbers), "o", color=color, markersize=7, alpha=0.8)
        mean = sum(numbers) / len(numbers)
        axes.plot([mean, mean], [place - 0.28, place + 0.28], color="#222222", linewidth=1.5)
    axes.set_yticks(range(len(values)), list(values), fontsize=10)
    axes.invert_yaxis()
    axes.margins(y=0.12)
    show(figure)


def panels(values: Mapping[str, Mapping[str, float]]) -> None:
    """Several figures of several things side by side: a panel a figure, a bar a thing.

    Args:
        values: thing -> figure -> value. A thing may lack a figure.
    """
    show(panels_figure(values))


def panels_figure(values: Mapping[str, Mapping[str, float]]) -> "Figure":
    """The chart of `panels`, to be shown or saved."""
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(name for figures in values.values() for name in figures))
    columns = min(2, len(names))  # at the width of a notebook the type of three is too small to read
    rows = -(-len(names) // columns)  # rounded up
    labels = max(1.8, 0.08 * max(map(len, values), default=0))  # inches that the things' names take
    size = (2.5 * columns + labels, rows * (0.8 + 0.25 * len(values)))
    figure, grid = plt.subplots(rows, columns, figsize=size, dpi=90, layout="constrained", squeeze=False, sharey=True)
    for name, axes in zip(names, grid.flat, strict=False):
        for place, (thing, figures) in enumerate(values.items()):
            height = figures.get(name, 0.0)
            axes.barh(thing, height, color=MANY_COLORS[place % len(MANY_COLORS)], height=0.65)
            number = f" {height:,.0f}" if height >= 1000 else f" {height:.3g}"
            axes.text(height, place, number if name in figures else " not measured", va="center", fontsize=8)
        axes.set_title(name, loc="left", fontsize=9)
        axes.margins(x=0.3)
        axes.set_xticks([])
        axes.tick_params(labelsize=8, length=0)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    grid[0, 0].invert_yaxis()  # the first on top; all panels share the axis
    return figure


def chances(
    tokens: Sequence[str], before: Sequence[float], after: Sequence[float], *, title: str, width: float = 7.6
) -> str:
    """The likeliest next tokens, with their probabilities before and after the filters: HTML.

    Args:
        tokens: their texts, the likeliest first.
        before: the model's own probabilities.
        after: what the filters have made of them; 0 for a token that was removed.
        title: what is to be seen.
        width: of the picture, in inches; two of 5.6 stand side by side in a notebook.
    """
    figure, axes = new_axes(title, "", "probability", width=width, height=3.2)
    places = range(len(tokens))
    axes.bar([place - 0.2 for place in places], before, width=0.4, color=COLORS[1], alpha=0.55, label="the model's")
    axes.bar([place + 0.2 for place in places], after, width=0.4, color=COLORS[0], label="to be drawn from")
    axes.set_xticks(list(places), tokens, rotation=60, ha="right", fontsize=10)
    axes.set_ylim(0, max(0.2, *before, *after) * 1.08)
    axes.grid(axis="x", visible=False)
    axes.legend(frameon=False)
    return as_html(figure, title)


def new_axes(
    title: str, xlabel: str, ylabel: str, *, width: float = 7.6, height: float = 3.6
) -> tuple["Figure", "Axes"]:
    """An empty chart in the style of the course; its size is in inches."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(width, height), dpi=90, layout="constrained")
    dress(axes, title, xlabel, ylabel)
    return figure, axes


def dress(axes: "Axes", title: str, xlabel: str, ylabel: str) -> None:
    """Give empty axes the style of the course."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def suit_any_ground(figure: "Figure") -> None:
    """Let a chart stand on light pages and dark ones: its ground lets the page through, what is black becomes grey.

    Numbers on a heat map's fields stay as they are. A drawing with boxes of its own keeps its white ground.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyBboxPatch
    from matplotlib.text import Text

    if any(isinstance(patch, FancyBboxPatch) for axes in figure.axes for patch in axes.patches):
        return
    figure.patch.set_alpha(0)
    on_fields = {text for axes in figure.axes if axes.images for text in axes.texts}
    for axes in figure.axes:
        axes.patch.set_alpha(0)
        axes.tick_params(which="both", color=INK, labelcolor=INK)
        axes.spines[:].set_edgecolor(INK)
    drawn: set[Any] = {*figure.findobj(Text), *figure.findobj(Line2D)}
    for artist in drawn - on_fields:
        if max(to_rgb(artist.get_color())) <= DARKEST:
            artist.set_color(INK)
    for line in figure.findobj(Line2D):
        edge: Any = line.get_markeredgecolor()  # type: ignore[attr-defined]
        if edge != "none" and max(to_rgb(edge)) <= DARKEST:
            line.set_markeredgecolor(INK)  # type: ignore[attr-defined]


def show(figure: "Figure") -> None:
    """Show a finished chart, once."""
    import matplotlib.pyplot as plt
    from IPython.display import display

    suit_any_ground(figure)
    display(figure)
    plt.close(figure)  # or the inline backend would show it once more


def as_html(figure: "Figure", alt: str) -> str:
    """A finished chart as an image inside HTML, for a picture with a slider."""
    import matplotlib.pyplot as plt

    suit_any_ground(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{alt}" src="data:image/png;base64,{data}"/>'
