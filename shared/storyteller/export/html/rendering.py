"""The page's template filled in, and the fields of its form."""

import html
import json
import re
from importlib import resources

from storyteller.export.html.about import About
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, Sampling, SamplingOption
from storyteller.runs.openings import KNOWN_WORDS, KnownOpenings

FACE = ("token_card.js", "picture.js", "view.js")  # what both back ends have, after their own scripts
LOCAL = ("tokenizer.js", "model.js", "sampling.js", "local_teller.js")
SERVER = ("server_teller.js",)

OFFERED = 4  # openings to tap
AT_HAND = ("temperature", "seed")  # settings beside the opening; the others wait behind "More settings"


def page_file(name: str) -> str:
    """The text of a file of the page."""
    return resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def render(about: About, *, defaults: Sampling, policy: str = "", styles: str, scripts: str) -> str:
    """The page.

    Args:
        about: what it says of the model.
        defaults: what its form begins with.
        policy: the content security policy as a tag, where no server sends one.
        styles: the tags of its style sheet.
        scripts: the tags of its scripts, and of the data that these read.
    """
    facts = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in about.facts.items())
    values = {
        "name": html.escape(about.name),
        "summary": html.escape(about.summary),
        "opening": html.escape(about.openings.commonest[0] if about.openings.commonest else ""),
        "openings": _openings_html(about.openings.commonest[:OFFERED]),
        "known": _known_openings(about.openings),
        "settings": form_html(defaults),
        "facts": facts,
        "authors": html.escape(about.authors),
        "policy": policy,
        "styles": styles,
        "scripts": scripts,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], page_file("page.html"))


def _known_openings(openings: KnownOpenings) -> str:
    """What view.js needs to know of them, as JSON within an element: "<" would end it."""
    values = {"first_words": sorted(openings.first_words), "words": KNOWN_WORDS, "warning": openings.warning}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _openings_html(openings: tuple[str, ...]) -> str:
    """Openings to tap, and one that leaves the beginning to the model."""
    buttons = [
        f'<button type="button" data-opening="{html.escape(opening)}">{html.escape(opening)} ...</button>'
        for opening in openings
    ]
    buttons.append('<button type="button" data-opening="">let it begin</button>')
    return f'<div class="openings wide" role="group" aria-label="Openings to begin with">{"".join(buttons)}</div>'


def form_html(defaults: Sampling) -> str:
    """The fields of the form, one for every setting; those that greedy decoding ignores have `data-drawing`."""
    at_hand = [_field(option, defaults) for option in SAMPLING_OPTIONS.values() if option.name in AT_HAND]
    others = [_field(option, defaults) for option in SAMPLING_OPTIONS.values() if option.name not in AT_HAND]
    more = f"<summary>More settings</summary><div>{''.join(others)}</div>"
    return "".join([*at_hand, f'<details class="settings wide">{more}</details>'])


def _field(option: SamplingOption, defaults: Sampling) -> str:
    default, label = getattr(defaults, option.name), html.escape(option.label)
    if option.kind is bool:
        checked = " checked" if default else ""
        return f'<label class="wide check"><input id="{option.form_name}" type="checkbox"{checked}> {label}</label>'
    start = 'placeholder="all"' if default is None else f'value="{default:.10g}"'
    limits = f'min="{option.low:g}" max="{option.high:.10g}" step="{option.step:g}"'
    drawing = " data-drawing" if option.greedy_ignores else ""
    return f'<label>{label} <input id="{option.form_name}" type="number" {limits} {start}{drawing}></label>'
