"""A picture that a slider changes."""

from collections.abc import Callable, Sequence
from typing import Any

from storyteller.errors import optional_import
from storyteller.figures.display import kernel_runs, publish, safe, widget_view


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
    still = f"<p><i>{safe(label)}: {safe(str(values[start]))} (a slider, where widgets run)</i></p>" + draw(
        values[start]
    )
    bundle = {"text/html": still, "text/plain": f"{label}: {values[start]}"}
    publish({**_widget_view(draw, values, label, start), **bundle})


def _widget_view(draw: Callable[[Any], str], values: list[Any], label: str, start: int) -> dict[str, Any]:
    """The live form, as an entry of a mime bundle; empty where no kernel runs."""
    if not kernel_runs():
        return {}
    ipywidgets = optional_import("ipywidgets", extra="lessons")
    options = [(str(value), value) for value in values]
    control = ipywidgets.SelectionSlider(
        options=options,
        value=values[start],
        description=label,
        style={"description_width": "initial"},
        layout={"width": "40em"},
    )
    picture = ipywidgets.HTML(draw(values[start]))
    control.observe(lambda change: setattr(picture, "value", draw(change["new"])), names="value")
    return widget_view(ipywidgets.VBox([control, picture]))
