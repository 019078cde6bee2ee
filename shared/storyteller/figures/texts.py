"""Stories, tables and tokens, as HTML with a plain form beside it."""

from collections.abc import Iterable, Sequence
from typing import Any

from storyteller.figures.display import COLORS, PASTELS, publish_html, safe


def page(text: str, *, title: str = "") -> None:
    """A story as on the page of a book, its paragraphs (parted by blank lines) under the title."""
    heading = f"<b>{safe(title)}</b>" if title else ""
    paragraphs = "".join(f'<p style="margin:0.5em 0">{safe(part)}</p>' for part in text.split("\n\n"))
    style = f"border-left:3px solid {COLORS[0]};padding:0.2em 1em;margin:0.4em 0;max-width:46em;line-height:1.5;"
    style += "overflow-wrap:anywhere"  # a young model may get stuck in one endless word
    publish_html(f'<div style="{style}">{heading}{paragraphs}</div>', "\n\n".join(filter(None, (title, text))))


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
    head = "".join(f'<th style="text-align:{a}">{safe(text)}</th>' for text, a in zip(header, align, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:{a}">{safe(text)}</td>' for text, a in zip(line, align, strict=True))
        + "</tr>"
        for line in cells
    )
    publish_html(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", "\n".join(lines))


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
