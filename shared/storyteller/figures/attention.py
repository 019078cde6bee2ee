"""Attention as pictures: who looks at whom, and RoPE's turning pairs."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storyteller.figures.charts import show
from storyteller.figures.display import COLORS, safe, visible

if TYPE_CHECKING:
    from torch import Tensor


def heat_maps(
    maps: Mapping[str, "Tensor"],
    *,
    title: str,
    tokens: Sequence[bytes] = (),
    ylabel: str = "the token that looks",
    xlabel: str = "the token that is looked at",
    log: bool = False,
    bar: bool = False,
) -> None:
    """Square tables of numbers as pictures side by side, the larger the darker.

    Args:
        maps: name -> (T, S), numbers from 0 on; each picture has a scale of its own, from 0 to its largest number.
        title: what is to be seen.
        tokens: the bytes of the tokens along both sides, where there is room for them.
        ylabel: what the rows are.
        xlabel: what the columns are.
        log: one logarithmic scale for all pictures, with its bar; what is exactly 0 stays white.
        bar: the scale of a single picture, beside it.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    height = 2.7 + 0.13 * len(tokens)
    size = (max(height * len(maps), 4.2) + 0.8 * (log or bar), height)
    figure, axes = plt.subplots(1, len(maps), figsize=size, dpi=90, layout="constrained", squeeze=False)
    tables = {name: values.detach().float() for name, values in maps.items()}
    positive = [value for values in tables.values() for value in values[values > 0].tolist()]
    # The scale begins below the smallest number, which so is not as white as 0.
    norm = LogNorm(min(positive) / 5, max(positive)) if log and positive else None
    colors = colormaps["Blues"].with_extremes(bad="white")  # or a dark page would show through where a 0 is
    for place, (part, (name, values)) in enumerate(zip(axes[0], tables.items(), strict=True)):
        scale: dict[str, Any] = {"vmin": 0} if norm is None else {"norm": norm}
        shown = values if norm is None else values.where(values > 0, float("nan"))
        image = part.imshow(shown.numpy(), cmap=colors, aspect="auto", interpolation="nearest", **scale)
        part.set_title(name, fontsize=10)
        part.set_xlabel(xlabel, fontsize=9)
        if place == 0:
            part.set_ylabel(ylabel, fontsize=9)
        names = [visible(token) for token in tokens]
        if names:
            part.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
            part.set_yticks(range(len(names)), names if place == 0 else [""] * len(names), fontsize=9)
        if (bar or norm is not None) and place == len(maps) - 1:
            figure.colorbar(image, ax=list(axes[0]), shrink=0.9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    show(figure)


def rated_maps(
    maps: Mapping[str, "Tensor"], *, rows: Sequence[str], columns: Sequence[str], title: str, neutral: float = 1.0
) -> None:
    """Tables with a number in each field, side by side: blue above what is neutral, orange below, on a log scale.

    Args:
        maps: name -> (rows, columns), numbers from 0 on.
        rows: their names.
        columns: their names.
        title: what is to be seen.
        neutral: the number that is drawn white.
    """
    import matplotlib.pyplot as plt

    size = (1.2 + 2.9 * len(maps), 1.6 + 0.33 * len(rows))
    figure, axes = plt.subplots(1, len(maps), figsize=size, dpi=90, layout="constrained", squeeze=False)
    for place, (part, (name, values)) in enumerate(zip(axes[0], maps.items(), strict=True)):
        table = values.detach().float()
        shown = (table / neutral).clamp(min=0.05).log2()
        part.imshow(shown.numpy(), cmap="PuOr", vmin=-4.5, vmax=4.5, aspect="auto")
        part.set_title(name, fontsize=10)
        part.set_xticks(range(len(columns)), columns, rotation=60, ha="right", fontsize=9)
        part.set_yticks(range(len(rows)), rows if place == 0 else [""] * len(rows), fontsize=9)
        for row, line in enumerate(table.tolist()):
            for column, value in enumerate(line):
                ink = "white" if abs(shown[row, column]) > 3 else "black"
                text = f"{value:.1f}" if value < 10 else f"{value:.0f}"
                part.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    show(figure)


def looked_at(tokens: Sequence[bytes], weights: Sequence[float], *, query: int, label: str = "") -> str:
    """A text in HTML, each token the darker the more the query looks at it; the query is framed, the future grey.

    Args:
        tokens: the bytes of each.
        weights: how much the query looks at each of them.
        query: the place of the token that looks.
        label: before the text.
    """
    top = max(*(float(weight) for weight in weights), 1e-9)
    spans = [f'<b style="display:inline-block;min-width:9em;margin-right:1ch">{safe(label)}</b>'] if label else []
    for place, (token, weight) in enumerate(zip(tokens, weights, strict=True)):
        shade = float(weight) / top if place <= query else 0.0
        ground = f"rgba(47,109,176,{0.85 * shade:.2f})"
        ink = "#aaa" if place > query else ("#fff" if shade > 0.6 else "#111")
        frame = f"outline:2px solid {COLORS[1]};" if place == query else ""
        text = safe(visible(token)).replace("␣", "&nbsp;")
        spans.append(
            f'<span title="{float(weight):.3f}" style="background:{ground};color:{ink};{frame}border-radius:3px;'
            f'padding:0 1px;white-space:nowrap">{text}</span>&#8203;'
        )
    return (
        '<div style="font-family:monospace;line-height:1.7;max-width:60em;background:#fff;color:#111;padding:2px">'
        + "".join(spans)
        + "</div>"
    )


def clocks(pairs: Sequence[tuple[float, float]], *, names: Sequence[str], captions: Sequence[str] = ()) -> str:
    """Clock faces as SVG, each with two hands.

    Args:
        pairs: for each face the angles of its two hands, in radians, counter-clockwise from three o'clock.
        names: of the two hands.
        captions: below each face.
    """
    faces = []
    for number, hands in enumerate(pairs):
        center = 70 + 140 * number
        lines = [f'<circle cx="{center}" cy="62" r="50" fill="#f4f6f9" stroke="#9aa4b0"/>']
        for angle, color in zip(hands, COLORS, strict=False):
            x, y = center + 46 * math.cos(angle), 62 - 46 * math.sin(angle)
            lines.append(f'<line x1="{center}" y1="62" x2="{x:.1f}" y2="{y:.1f}" stroke="{color}" stroke-width="4"/>')
        if captions:
            style = f'x="{center}" y="130" font-size="12" text-anchor="middle" fill="#222"'
            lines.append(f"<text {style}>{safe(captions[number])}</text>")
        faces += lines
    legend = "".join(
        f'<span style="color:{color}"><b>{safe(name)}</b></span>&nbsp;&nbsp; '
        for name, color in zip(names, COLORS, strict=False)
    )
    width = 140 * len(pairs)
    picture = f'<svg width="{width}" height="140" xmlns="http://www.w3.org/2000/svg">{"".join(faces)}</svg>'
    return f'<div style="background:#fff;color:#111;padding:4px">{picture}<br>{legend}</div>'
