"""Formulas as MathML, made when the site is built: no script, no web font, and a screen reader reads them."""

from __future__ import annotations

import re
from typing import Any, cast

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
# What latex2mathml does not know, in words that it knows.
INSTEAD = {r"\arg\m": r"\operatorname{arg}\,\m", r"\Bigl": r"\left", r"\Bigr": r"\right"}


def mathml(node: nodes.Element, display: str) -> str:
    """A formula as MathML; Sphinx warns where a command of TeX is left in it."""
    tex = node.astext().strip()
    for command, instead in INSTEAD.items():
        tex = tex.replace(command, instead)
    formula: str = convert(tex, display=display)
    if "\\" in re.sub("<[^>]*>", "", formula):
        logger.warning("latex2mathml does not know a command in: %s", tex, location=node)
    return formula


def inline(translator: Any, node: nodes.Element) -> None:
    """A formula within a line."""
    translator.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def block(translator: Any, node: nodes.Element) -> None:
    """A formula with a line of its own; too wide for a phone, it is scrolled, by keys as well."""
    formula = mathml(node, "block")
    translator.body.append(f'<div class="formula" tabindex="0" role="group" aria-label="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", cast(Any, (inline, None)), cast(Any, (block, None)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
