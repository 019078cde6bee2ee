"""What every figure needs: the colors, the way into the notebook, and a slider that changes a picture."""

import html
from collections.abc import Callable, Sequence
from typing import Any

from storyteller.errors import optional_import

COLORS = ("#2f6db0", "#d9772b", "#4a8f5c", "#8a5ea8", "#b0455a", "#6b6b6b")  # told apart by the color-blind too
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
    """A widget as an entry of a mime bundle, so that it can stand beside its still picture."""
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
    still = f"<p><i>{safe(label)}: {safe(str(values[start]))} (a slider, where widgets run)</i></p>"
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
