"""A generated story in colors: the rarer a token was to the model, the stronger its background.

HTML for the notebook, without a script: the card with a token's particulars is shown by the style sheet, while the
pointer or the keyboard's focus is on the token. The web page draws the same in JavaScript (`storyteller.export.html`).
"""

from collections.abc import Iterable

from storyteller.figures.display import safe, visible
from storyteller.inference.trace import TokenTrace

N_SHADES = 10  # of the background, by probability


def _opacity(shade: int) -> float:
    """How opaque the background of a shade is: nothing for the surest."""
    return float(0.72 * (1 - shade / (N_SHADES - 1)) ** 1.5)


_SHADES = "".join(
    f".traced-story .p{shade} {{ background: rgba(224, 122, 38, {_opacity(shade):.2f}); }}\n"
    for shade in range(N_SHADES)
)

# Only colors that are seen on white and on black; text takes its color from where it stands.
STYLE = f"""\
.traced-story {{ white-space: pre-wrap; line-height: 1.7; max-width: 46em; overflow-wrap: break-word; }}
.traced-story .token {{ position: relative; border-radius: 3px; outline-offset: 1px; }}
.traced-story .token:hover, .traced-story .token:focus {{ outline: 2px solid #2f6db0; }}
.traced-story .end {{ opacity: 0.7; }}
.traced-story .card {{
  display: none; position: absolute; left: 0; top: 1.7em; z-index: 9; width: max-content; max-width: min(26em, 80vw);
  padding: 0.5em 0.8em; border-radius: 6px; background: #1f2733; color: #f4f6f9; white-space: normal;
  font: 13px/1.5 system-ui, sans-serif; box-shadow: 0 3px 14px rgba(0, 0, 0, 0.4); pointer-events: none;
}}
.traced-story .token.right .card {{ left: auto; right: 0; }}
.traced-story .token:hover .card, .traced-story .token:focus .card {{ display: block; }}
.traced-story .token:focus:not(:hover) .card {{ z-index: 8; }}
.traced-story .card b, .traced-story .card code {{ font-family: ui-monospace, monospace; color: #ffd9ad; }}
.traced-story .card .other {{ display: flex; justify-content: space-between; gap: 1.5em; }}
.traced-story .card .heading {{ display: block; margin-bottom: 0.3em; }}
.traced-story .card .experts {{ display: block; margin-top: 0.3em; color: #b9c4d2; }}
{_SHADES}"""


def story_html(tokens: Iterable[TokenTrace], *, opening: str = "") -> str:
    """A whole story with its style, to be shown anywhere."""
    room = "padding-bottom:13em"  # a notebook's output ends at its last line, and would cut the cards of that line off
    text = f"<b>{safe(opening)}</b>{''.join(map(token_html, tokens))}"
    return f'<style>{STYLE}</style><div class="traced-story" style="{room}">{text}</div>'


def still_html(tokens: Iterable[TokenTrace], *, opening: str = "") -> str:
    """A whole story for where a style sheet may be taken away, as on GitHub: what a card would say is a title."""
    spans = [f"<b>{safe(opening)}</b>"]
    for token in tokens:
        if token.text or token.is_end:
            likeliest = ", ".join(f"{visible(other)} {percent(share)}" for other, share in token.alternatives)
            summary = f"{_name(token)} had {_probability(token)}; likeliest: {likeliest}"
            if token.experts:
                summary += f"; experts at work: {_experts(token)}"
            style = f"background:rgba(224,122,38,{_opacity(_shade(token)):.2f});border-radius:3px"
            text = "∎" if token.is_end else safe(token.text)
            spans.append(f'<span style="{style}" title="{safe(summary)}">{text}</span>')
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;max-width:46em"
    return f'<div style="{style}">{"".join(spans)}</div>'


def token_html(token: TokenTrace) -> str:
    """One token with its card; nothing for a token within a character, which the one that completes it shows."""
    if not (token.text or token.is_end):
        return ""
    card = [f'<span class="heading"><b>{safe(_name(token))}</b> had {_probability(token)}</span>']
    for other, probability in token.alternatives:
        name = safe(visible(other)) if other != b"<|endoftext|>" else "the end"
        card.append(f'<span class="other"><code>{name}</code><span>{percent(probability)}</span></span>')
    if token.experts:
        card.append(f'<span class="experts">experts at work: {_experts(token)}</span>')
    text, kind = ("∎", "token end") if token.is_end else (safe(token.text), "token")
    return (
        f'<span class="{kind} p{_shade(token)}" tabindex="-1">{text}'
        f'<span class="card" role="tooltip">{"".join(card)}</span></span>'
    )


def _shade(token: TokenTrace) -> int:
    return min(N_SHADES - 1, int(token.probability * N_SHADES))


def _name(token: TokenTrace) -> str:
    return "the end" if token.is_end else visible(token.text.encode())


def _probability(token: TokenTrace) -> str:
    """The model's probability in words, and the one with which the token was drawn."""
    drawn = token.sampling_probability
    after = "the only choice" if drawn == 1 else f"drawn with {percent(drawn)}"  # greedy, or all others removed
    return f"{percent(token.probability)}; {after}"


def _experts(token: TokenTrace) -> str:
    return " · ".join(f"layer {layer}: {', '.join(map(str, experts))}" for layer, experts in enumerate(token.experts))


def percent(share: float) -> str:
    """A share as a reader likes it.

    >>> percent(0.456), percent(0.0123), percent(0.00001)
    ('46 %', '1.2 %', 'under 0.1 %')
    """
    if share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
