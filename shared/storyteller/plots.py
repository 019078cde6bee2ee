"""The lessons' figures: charts, texts coloured by token, and pictures with a slider.

    from storyteller import plots

    plots.histogram({"tales": lengths}, title="...", xlabel="words")
    plots.coloured([b"Once", b" upon", b" a", b" time"])
    plots.slider(lambda n: plots.token_row(tokens_after(n)), range(20), label="merges")

A chart's title says what is to be seen in it; the lesson computes the numbers in it from the same data. What has a
slider is also a still picture, for where no widget runs (GitHub, a PDF, a notebook opened without its kernel).
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storyteller.errors import optional_import

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2f6db0", "#d9772b", "#4a8f5c", "#8a5ea8", "#b0455a", "#6b6b6b")  # told apart by the colour-blind too
PASTELS = ("#cfe3f7", "#fbe0c8", "#d5ecd4", "#eadcf4", "#f9d7dd", "#f3ecc2")

Series = Sequence[float]
Curve = tuple[Series, Series]  # x and y


# --- charts -------------------------------------------------------------------------------------------------------


def histogram(
    series: Mapping[str, Series], *, title: str, xlabel: str, marks: Mapping[str, float] | None = None, bins: int = 40
) -> None:
    """Distributions over one another, with upright lines at the marks."""
    figure, axes = _axes(title, xlabel, "share of the texts (%)")
    low = min(min(values) for values in series.values())
    high = max(max(values) for values in series.values())
    edges = [low + (high - low) * i / bins for i in range(bins + 1)]
    for (name, values), colour in zip(series.items(), COLOURS, strict=False):
        weights = [100 / len(values)] * len(values)
        axes.hist(values, bins=edges, weights=weights, color=colour, alpha=0.55, label=name)
    top = axes.get_ylim()[1]
    for i, (name, value) in enumerate((marks or {}).items()):
        axes.axvline(value, color="#444444", linewidth=1, linestyle="--")
        axes.text(value, top * (0.97 - 0.08 * (i % 2)), f" {name}", fontsize=9, color="#444444", va="top")
    axes.legend(frameon=False)
    _show(figure)


def curves(
    lines: Mapping[str, Curve],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    log: str = "",
    marks: Mapping[str, tuple[float, float]] | None = None,
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
        dashed: names of the lines that are drawn dashed: fits and guesses, not measurements.
        dots: also draw each point.
    """
    figure, axes = _axes(title, xlabel, ylabel)
    for (name, (xs, ys)), colour in zip(lines.items(), COLOURS, strict=False):
        style = {"linestyle": "--", "linewidth": 1.2} if name in dashed else {"linewidth": 1.8}
        axes.plot(
            xs, ys, color=colour, label=name, marker="o" if dots and name not in dashed else "", markersize=4, **style
        )
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    for text, (x, y) in (marks or {}).items():
        axes.plot([x], [y], marker="o", markersize=11, markerfacecolor="none", markeredgecolor="#222222")
        axes.annotate(text, (x, y), xytext=(-8, 10), textcoords="offset points", ha="right", fontsize=9)
    axes.legend(frameon=False)
    _show(figure)


def bars(values: Mapping[str, float], *, title: str, xlabel: str, form: str = "{:g}") -> None:
    """Lying bars with their values behind them, the first on top."""
    figure, axes = _axes(title, xlabel, "", height=0.9 + 0.33 * len(values))
    names = list(values)
    axes.barh(names, [values[name] for name in names], color=COLOURS[0], height=0.65)
    for i, name in enumerate(names):
        axes.text(values[name], i, " " + form.format(values[name]), va="center", fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    _show(figure)


def _axes(title: str, xlabel: str, ylabel: str, *, height: float = 3.6) -> tuple["Figure", "Axes"]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.6, height), dpi=90, layout="constrained")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _show(figure: "Figure") -> None:
    import matplotlib.pyplot as plt
    from IPython.display import display

    display(figure)
    plt.close(figure)  # or the inline backend would show it once more


# --- texts, tables and tokens -----------------------------------------------------------------------------------------


def page(text: str, *, title: str = "") -> None:
    """A story as on the page of a book, its paragraphs (parted by blank lines) under the title."""
    heading = f"<b>{_safe(title)}</b>" if title else ""
    paragraphs = "".join(f'<p style="margin:0.5em 0">{_safe(part)}</p>' for part in text.split("\n\n"))
    style = f"border-left:3px solid {COLOURS[0]};padding:0.2em 1em;margin:0.4em 0;max-width:46em;line-height:1.5"
    _display(f'<div style="{style}">{heading}{paragraphs}</div>', "\n\n".join(filter(None, (title, text))))


def table(rows: Sequence[Sequence[Any]], *, header: Sequence[str]) -> None:
    """A small table; columns of numbers stand to the right."""
    cells = [[_number(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    right = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join(
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        )
        for line in [list(header), *cells]
    ]
    align = ["right" if is_right else "left" for is_right in right]
    head = "".join(f'<th style="text-align:{a}">{_safe(text)}</th>' for text, a in zip(header, align, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:{a}">{_safe(text)}</td>' for text, a in zip(line, align, strict=True))
        + "</tr>"
        for line in cells
    )
    _display(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", "\n".join(lines))


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def visible(token: bytes) -> str:
    """A token as text in which nothing is invisible: a space is ␣, a line break ⏎, half a letter its bytes.

    >>> visible(b" fox"), visible(bytes([0xF0, 0x9F]))
    ('␣fox', '‹F0 9F›')
    """
    try:
        text = token.decode("utf-8")
    except UnicodeDecodeError:
        return f"‹{token.hex(' ').upper()}›"
    return text.replace(" ", "␣").replace("\n", "⏎").replace("\r", "␍").replace("\t", "⇥")


def token_row(tokens: Iterable[bytes], *, marked: Iterable[int] = ()) -> str:
    """Tokens as a row of boxes, in HTML; the marked places stand out."""
    marked = set(marked)
    boxes = []
    for place, token in enumerate(tokens):
        frame = f"2px solid {COLOURS[1]}" if place in marked else "1px solid #9aa4b0"
        ground = PASTELS[1] if place in marked else "#f4f6f9"
        boxes.append(
            f'<span style="display:inline-block;border:{frame};background:{ground};color:#111;border-radius:4px;'
            f'padding:0 5px;margin:1px;font-family:monospace">{_safe(visible(token))}</span>'
        )
    return "".join(boxes)


def coloured_html(tokens: Iterable[bytes]) -> str:
    """A text in HTML, neighbouring tokens in different colours."""
    spans = []
    for place, token in enumerate(tokens):
        text = _safe(visible(token))
        # A line may break before a token that begins with a space (a zero-width space allows it), and nowhere else.
        gap = "&#8203;" if text.startswith("␣") else ""
        text = text.replace("␣", "&nbsp;").replace("⏎", "⏎<br>")
        colour = PASTELS[place % len(PASTELS)]
        spans.append(
            f'{gap}<span style="background:{colour};color:#111;border-radius:3px;white-space:nowrap">{text}</span>'
        )
    return '<div style="font-family:monospace;line-height:1.75;max-width:52em">' + "".join(spans) + "</div>"


def coloured(tokens: Iterable[bytes]) -> None:
    """Show a text with neighbouring tokens in different colours."""
    tokens = list(tokens)
    _display(coloured_html(tokens), "|".join(map(visible, tokens)))


# --- sliders ----------------------------------------------------------------------------------------------------------


def slider(draw: Callable[[Any], str], values: Sequence[Any], *, label: str, start: int | None = None) -> None:
    """A picture that a slider changes, and the same picture as it starts where no widget runs.

    Args:
        draw: gives the picture, as HTML, for a value.
        values: what the slider goes through.
        label: what the value is.
        start: index of the value to start with, by default in the middle.
    """
    values = list(values)
    start = len(values) // 2 if start is None else start
    still = f"<p><i>{_safe(label)}: {_safe(str(values[start]))} (a slider, where widgets run)</i></p>" + draw(
        values[start]
    )
    bundle = {"text/html": still, "text/plain": f"{label}: {values[start]}"}
    _publish({**_widget_view(draw, values, label, start), **bundle})


def _widget_view(draw: Callable[[Any], str], values: list[Any], label: str, start: int) -> dict[str, Any]:
    """The live form, as an entry of a mime bundle; empty where no kernel runs."""
    from IPython.core.getipython import get_ipython

    if getattr(get_ipython(), "kernel", None) is None:
        return {}
    ipywidgets = optional_import("ipywidgets", extra="lessons")
    options = [(str(value), value) for value in values]
    control = ipywidgets.SelectionSlider(
        options=options,
        value=values[start],
        description=label,
        style={"description_width": "initial"},
        layout={"width": "40em"},
    )
    picture = ipywidgets.HTML(draw(values[start]))
    control.observe(lambda change: setattr(picture, "value", draw(change["new"])), names="value")
    bundle = ipywidgets.VBox([control, picture])._repr_mimebundle_()
    view = bundle[0] if isinstance(bundle, tuple) else bundle
    return {kind: data for kind, data in (view or {}).items() if "widget-view" in kind}


def _safe(text: str) -> str:
    return html.escape(text)


def _display(as_html: str, as_text: str) -> None:
    _publish({"text/html": as_html, "text/plain": as_text})


def _publish(bundle: dict[str, Any]) -> None:
    from IPython.display import display

    display(bundle, raw=True)
