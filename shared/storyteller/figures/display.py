"""The way into the notebook: pages, tables, tokens and sliders as HTML, with a plain form beside it, and the colors."""

import html
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from storyteller.errors import optional_import

COLORS = ("#2f6db0", "#d9772b", "#4a8f5c", "#8a5ea8", "#b0455a", "#6b6b6b")  # told apart by the color-blind too
BAR_INTERVAL_S = 0.2  # between two pictures of a progress bar
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?( ?%)?")  # a text that is one
Item = TypeVar("Item")
PASTELS = ("#cfe3f7", "#fbe0c8", "#d5ecd4", "#eadcf4", "#f9d7dd", "#f3ecc2")


def safe(text: str) -> str:
    """Text as HTML that shows it and does nothing else."""
    return html.escape(text)


def publish_html(as_html: str, as_text: str) -> None:
    """Show HTML, and the text where no HTML is shown."""
    publish({"text/html": as_html, "text/plain": as_text})


def kernel_runs() -> bool:
    """Whether there is a kernel to answer a widget."""
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def widget_view(widget: Any) -> dict[str, Any]:
    """A widget as an entry of a mime bundle, next to its still picture."""
    bundle = widget._repr_mimebundle_()
    view = bundle[0] if isinstance(bundle, tuple) else bundle
    return {kind: data for kind, data in (view or {}).items() if "widget-view" in kind}


def publish(bundle: dict[str, Any]) -> None:
    """Show a mime bundle: the same thing in several forms, of which the notebook takes the richest that it knows."""
    from IPython.display import display

    display(bundle, raw=True)


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
    still = f"<p><i>{safe(label)}: {safe(str(values[start]))} (run this cell to get the slider)</i></p>"
    still += draw(values[start])
    bundle = {"text/html": still, "text/plain": f"{label}: {values[start]}"}
    if kernel_runs():
        ipywidgets = optional_import("ipywidgets", extra="lessons")
        control = ipywidgets.SelectionSlider(
            options=[(str(value), value) for value in values],
            value=values[start],
            description=label,
            style={"description_width": "initial"},
            layout={"width": "40em"},
        )
        picture = ipywidgets.HTML(draw(values[start]))
        control.observe(lambda change: setattr(picture, "value", draw(change["new"])), names="value")
        bundle = widget_view(ipywidgets.VBox([control, picture])) | bundle
    publish(bundle)


def progress_bar(items: Sequence[Item], *, label: str) -> Iterator[Item]:
    """Go through items, with a bar that fills meanwhile; one line is left that says how many there were.

    Args:
        items: such as the steps of a training.
        label: what they are.
    """
    line = f"{label}: {len(items):,}"
    shown, drawn = None, time.monotonic()
    if kernel_runs():
        from IPython.display import display

        shown = display({"text/plain": line}, raw=True, display_id=True)
    for number, item in enumerate(items):
        if shown is not None and time.monotonic() - drawn > BAR_INTERVAL_S:
            drawn = time.monotonic()
            bar = f'<progress max="{len(items)}" value="{number}" style="width:20em"></progress>'
            shown.update(
                {"text/html": f"{bar} {safe(label)}: {number:,} of {len(items):,}", "text/plain": line}, raw=True
            )
        yield item
    if shown is not None:
        shown.update({"text/plain": line}, raw=True)


def page(text: str, *, title: str = "") -> None:
    """A story as on the page of a book, its paragraphs (parted by blank lines) under the title."""
    heading = f"<b>{safe(title)}</b>" if title else ""
    paragraphs = "".join(f'<p style="margin:0.5em 0">{safe(part)}</p>' for part in text.split("\n\n"))
    style = f"border-left:3px solid {COLORS[0]};padding:0.2em 1em;margin:0.4em 0;max-width:46em;line-height:1.5;"
    style += "overflow-wrap:anywhere"  # a young model may get stuck in one endless word
    publish_html(f'<div style="{style}">{heading}{paragraphs}</div>', "\n\n".join(filter(None, (title, text))))


def table(rows: Sequence[Sequence[Any]], *, header: Sequence[str]) -> None:
    """A small table; columns of numbers, and of texts that are numbers, are aligned to the right.

    The fractions of a column have equally many digits: three, or fewer where one of its numbers is 10 or more.
    """
    columns = [[row[i] for row in rows] for i in range(len(header))]
    digits = list(map(_digits, columns))
    cells = [[_number(value, n) for value, n in zip(row, digits, strict=True)] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    right = [all(isinstance(value, int | float) for value in column) or _are_numbers(column) for column in columns]
    lines = [
        "  ".join(
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        )
        for line in [list(header), *cells]
    ]
    align = ["right" if is_right else "left" for is_right in right]
    head = "".join(f'<th style="text-align:{a}">{safe(text)}</th>' for text, a in zip(header, align, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:{a}">{safe(text)}</td>' for text, a in zip(line, align, strict=True))
        + "</tr>"
        for line in cells
    )
    publish_html(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", "\n".join(lines))


def _digits(column: Sequence[Any]) -> int:
    """Digits after the point for the fractions of a column, so that the smallest of them has something to show."""
    sizes = [abs(value) for value in column if isinstance(value, float) and math.isfinite(value)]
    if max(sizes, default=0.0) < 10:
        return 3
    smallest = min(size for size in sizes if size)
    return 1 if smallest >= 1 else 2 if smallest >= 0.1 else 3


def _number(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _are_numbers(column: Sequence[Any]) -> bool:
    """Does a column hold texts that are numbers, with gaps at most?"""
    texts = [value for value in column if isinstance(value, str)]
    return len(texts) == len(column) and any(texts) and all(not text or NUMBER.fullmatch(text) for text in texts)


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
        frame = f"2px solid {COLORS[1]}" if place in marked else "1px solid #9aa4b0"
        ground = PASTELS[1] if place in marked else "#f4f6f9"
        boxes.append(
            f'<span style="display:inline-block;border:{frame};background:{ground};color:#111;border-radius:4px;'
            f'padding:0 5px;margin:1px;font-family:monospace">{safe(visible(token))}</span>'
        )
    return "".join(boxes)


def colored_html(tokens: Iterable[bytes]) -> str:
    """A text in HTML, neighbouring tokens in different colors."""
    spans = []
    for place, token in enumerate(tokens):
        text = safe(visible(token))
        # A line may break before a token that begins with a space (a zero-width space allows it), and nowhere else.
        gap = "&#8203;" if text.startswith("␣") else ""
        text = text.replace("␣", "&nbsp;").replace("⏎", "⏎<br>")
        color = PASTELS[place % len(PASTELS)]
        spans.append(
            f'{gap}<span style="background:{color};color:#111;border-radius:3px;white-space:nowrap">{text}</span>'
        )
    return '<div style="font-family:monospace;line-height:1.75;max-width:52em">' + "".join(spans) + "</div>"


def colored(tokens: Iterable[bytes]) -> None:
    """Show a text with neighbouring tokens in different colors."""
    tokens = list(tokens)
    publish_html(colored_html(tokens), "|".join(map(visible, tokens)))
