"""A told story in colours: the rarer a token was to the model, the stronger its ground.

The same HTML serves the notebook and the web page. It holds no script; the card with a token's particulars is shown by
the style sheet, while the pointer or the keyboard's focus is on the token.
"""

from collections.abc import Iterable

from storyteller.figures.display import safe
from storyteller.figures.texts import visible
from storyteller.inference.trace import TokenTrace

SHADES = 10


def _strength(shade: int) -> float:
    """How opaque the ground is: nothing for the surest shade."""
    return float(0.72 * (1 - shade / (SHADES - 1)) ** 1.5)


_SHADES = "".join(
    f".told .p{shade} {{ background: rgba(224, 122, 38, {_strength(shade):.2f}); }}\n" for shade in range(SHADES)
)

# Only colours that are seen on white and on black; text takes its colour from where it stands.
STYLE = f"""\
.told {{ white-space: pre-wrap; line-height: 1.7; max-width: 46em; overflow-wrap: break-word; }}
.told .token {{ position: relative; border-radius: 3px; outline-offset: 1px; }}
.told .token:hover, .told .token:focus {{ outline: 2px solid #2f6db0; }}
.told .end {{ opacity: 0.7; }}
.told .card {{
  display: none; position: absolute; left: 0; top: 1.7em; z-index: 9; width: max-content; max-width: min(26em, 80vw);
  padding: 0.5em 0.8em; border-radius: 6px; background: #1f2733; color: #f4f6f9; white-space: normal;
  font: 13px/1.5 system-ui, sans-serif; box-shadow: 0 3px 14px rgba(0, 0, 0, 0.4); pointer-events: none;
}}
.told .token.right .card {{ left: auto; right: 0; }}
.told .token:hover .card, .told .token:focus .card {{ display: block; }}
.told .token:focus:not(:hover) .card {{ z-index: 8; }}
.told .card b, .told .card code {{ font-family: ui-monospace, monospace; color: #ffd9ad; }}
.told .card .other {{ display: flex; justify-content: space-between; gap: 1.5em; }}
.told .card .heading {{ display: block; margin-bottom: 0.3em; }}
.told .card .experts {{ display: block; margin-top: 0.3em; color: #b9c4d2; }}
{_SHADES}"""


def told_html(tokens: Iterable[TokenTrace], *, opening: str = "") -> str:
    """A whole story with its style, to be shown anywhere."""
    room = "padding-bottom:13em"  # a notebook's output ends at its last line, and would cut the cards of that line off
    text = f"<b>{safe(opening)}</b>{''.join(map(token_html, tokens))}"
    return f'<style>{STYLE}</style><div class="told" style="{room}">{text}</div>'


def still_html(tokens: Iterable[TokenTrace], *, opening: str = "") -> str:
    """A whole story for where a style sheet may be taken away, as on GitHub: what a card would say is a title."""
    spans = [f"<b>{safe(opening)}</b>"]
    for told in tokens:
        if told.text or told.is_end:
            ground = f"background:rgba(224,122,38,{_strength(_shade(told)):.2f});border-radius:3px"
            text = "∎" if told.is_end else safe(told.text)
            spans.append(f'<span style="{ground}" title="{safe(_summary(told))}">{text}</span>')
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;max-width:46em"
    return f'<div style="{style}">{"".join(spans)}</div>'


def token_html(told: TokenTrace) -> str:
    """One token with its card; nothing for a token within a character, which the one that completes it shows."""
    if not (told.text or told.is_end):
        return ""
    text, kind = ("∎", "token end") if told.is_end else (safe(told.text), "token")
    return f'<span class="{kind} p{_shade(told)}" tabindex="-1">{text}{_card(told)}</span>'


def _shade(told: TokenTrace) -> int:
    return min(SHADES - 1, int(told.probability * SHADES))


def _name(told: TokenTrace) -> str:
    return "the end" if told.is_end else visible(told.text.encode())


def _odds(told: TokenTrace) -> str:
    after = "the only choice" if told.chance == 1 else f"drawn with {percent(told.chance)}"  # greedy, or all others cut
    return f"{percent(told.probability)}; {after}"


def _experts(told: TokenTrace) -> str:
    return " · ".join(f"layer {layer}: {', '.join(map(str, experts))}" for layer, experts in enumerate(told.experts))


def _summary(told: TokenTrace) -> str:
    """The card in one line of text."""
    others = ", ".join(f"{visible(other)} {percent(share)}" for other, share in told.alternatives)
    at_work = f"; experts at work: {_experts(told)}" if told.experts else ""
    return f"{_name(told)} had {_odds(told)}; likeliest: {others}{at_work}"


def _card(told: TokenTrace) -> str:
    lines = [f'<span class="heading"><b>{safe(_name(told))}</b> had {_odds(told)}</span>']
    for other, probability in told.alternatives:
        shown = safe(visible(other)) if other != b"<|endoftext|>" else "the end"
        lines.append(f'<span class="other"><code>{shown}</code><span>{percent(probability)}</span></span>')
    if told.experts:
        lines.append(f'<span class="experts">experts at work: {_experts(told)}</span>')
    return f'<span class="card" role="tooltip">{"".join(lines)}</span>'


def percent(share: float) -> str:
    """A share as a reader likes it.

    >>> percent(0.456), percent(0.0123), percent(0.00001)
    ('46 %', '1.2 %', 'under 0.1 %')
    """
    if share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
