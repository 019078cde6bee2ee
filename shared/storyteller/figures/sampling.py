"""Figures of sampling: what the model thought of, and what a filter has left of it."""

from collections.abc import Sequence

from storyteller.figures.charts import new_axes
from storyteller.figures.display import COLOURS
from storyteller.figures.training import as_html


def chances(
    tokens: Sequence[str], before: Sequence[float], after: Sequence[float], *, title: str, width: float = 7.6
) -> str:
    """The likeliest next tokens, with their probabilities before and after the filters: HTML.

    Args:
        tokens: their texts, the likeliest first.
        before: the model's own probabilities.
        after: what the filters have made of them; 0 for a token that was removed.
        title: what is to be seen.
        width: of the picture, in inches; two of 5.6 stand side by side in a notebook.
    """
    figure, axes = new_axes(title, "", "probability", width=width, height=3.2)
    places = range(len(tokens))
    axes.bar([place - 0.2 for place in places], before, width=0.4, color=COLOURS[1], alpha=0.55, label="the model's")
    axes.bar([place + 0.2 for place in places], after, width=0.4, color=COLOURS[0], label="to be drawn from")
    axes.set_xticks(list(places), [f"“{token}”" for token in tokens], rotation=60, ha="right", fontsize=8)
    axes.set_ylim(0, max(0.2, *before, *after) * 1.08)
    axes.grid(axis="x", visible=False)
    axes.legend(frameon=False)
    return as_html(figure, title)
