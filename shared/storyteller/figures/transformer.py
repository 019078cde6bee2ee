"""Pictures of a transformer: the residual stream with what reads and writes it, and the growing KV cache. HTML."""

from collections.abc import Sequence

from storyteller.figures.display import COLORS, safe, visible

_FRAME = '<div style="background:#fff;color:#111;padding:4px;max-width:52em">{}</div>'


def residual_stream(n_layers: int) -> str:
    """The way of a token through a model: a line on which parts read a normalised copy and add what they found."""
    width = 170 + 210 * n_layers + 190
    y, pieces = 120, []

    def text(x: float, at: float, words: str, size: int = 12) -> None:
        style = f'font-size="{size}" text-anchor="middle" fill="#111" font-family="sans-serif"'
        pieces.append(f'<text x="{x}" y="{at}" {style}>{safe(words)}</text>')

    def box(x: float, at: float, words: str, color: str) -> None:
        pieces.append(
            f'<rect x="{x - 48}" y="{at - 15}" width="96" height="30" rx="5" fill="#fff" stroke="{color}" '
            f'stroke-width="2"/>'
        )
        text(x, at + 4, words)

    def arrow(path: str, color: str) -> None:
        pieces.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2" marker-end="url(#tip)"/>')

    pieces.append(
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L6,3 L0,6 z" fill="#444"/></marker></defs>'
    )
    pieces.append(f'<line x1="110" y1="{y}" x2="{width - 150}" y2="{y}" stroke="#444" stroke-width="7"/>')
    box(58, y, "embedding", "#444")
    for layer in range(n_layers):
        for part, (name, color, at) in enumerate((("attention", COLORS[0], 45), ("feed-forward", COLORS[1], 45))):
            x = 175 + 210 * layer + 105 * part
            arrow(f"M{x - 38},{y - 4} V{at + 18}", color)
            box(x, at, name, color)
            arrow(f"M{x + 38},{at + 16} V{y - 8}", color)
            text(x - 22, y - 28, "norm", 10)
            text(x + 49, y - 28, "+", 15)
        text(227 + 210 * layer, y + 30, f"layer {layer}")
    box(width - 100, y, "norm, logits", "#444")
    text(width / 2, y + 52, "the residual stream: (B, T, D) from the first layer to the last, nothing but additions")
    svg = f'<svg viewBox="0 0 {width} 185" width="100%" role="img" aria-label="The residual stream">'
    return _FRAME.format(svg + "".join(pieces) + "</svg>")


def growing_cache(tokens: Sequence[bytes], step: int, *, n_heads: int, n_kv_heads: int, head_dim: int) -> str:
    """What a layer keeps of the tokens before, while a text grows by one token.

    Args:
        tokens: the bytes of the text's tokens.
        step: how many of them stand in the cache already; the next one asks.
        n_heads: H.
        n_kv_heads: G; each has a row of boxes.
        head_dim: Dh.
    """
    tr = '<tr style="background:#fff">'  # Jupyter has a colour of its own for every other row
    cells = []
    for head in range(n_kv_heads):
        shared = n_heads // n_kv_heads
        asked = ", ".join(str(query) for query in range(head * shared, (head + 1) * shared))
        row = [f'<td style="padding:2px 8px;text-align:left">keys and values {head}, for queries {asked}</td>']
        for place in range(len(tokens)):
            ground = COLORS[0] if place < step else COLORS[1] if place == step else "#fff"
            row.append(f'<td style="background:{ground};border:1px solid #9aa4b0;width:2em;height:1.1em"></td>')
        cells.append(f"{tr}{''.join(row)}</tr>")
    names = "".join(
        f'<td style="font-family:monospace;padding:1px 2px;color:{"#111" if place <= step else "#aaa"}">'
        f"{safe(visible(token))}</td>"
        for place, token in enumerate(tokens)
    )
    numbers = 2 * n_kv_heads * head_dim * (step + 1)
    legend = f"blue: in the cache; orange: new. {numbers:,} numbers in this layer."
    table = f'<table style="color:#111;background:#fff">{tr}<td></td>{names}</tr>{"".join(cells)}</table>'
    return _FRAME.format(f"{table}<div>{legend}</div>")
