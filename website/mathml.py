"""Formulas as MathML, made when the site is built: no script, no web font, and a screen reader reads them."""

from __future__ import annotations

from typing import Any, cast

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def inline(translator: Any, node: nodes.Element) -> None:
    """A formula within a line."""
    translator.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def block(translator: Any, node: nodes.Element) -> None:
    """A formula with a line of its own; too wide for a phone, it is scrolled, by keys as well."""
    formula = convert(node.astext().strip(), display="block")
    translator.body.append(f'<div class="formula" tabindex="0" role="group" aria-label="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", cast(Any, (inline, None)), cast(Any, (block, None)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
