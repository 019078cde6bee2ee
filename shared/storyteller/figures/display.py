"""What every figure needs: the colours, and the way into the notebook."""

import html
from typing import Any

COLOURS = ("#2f6db0", "#d9772b", "#4a8f5c", "#8a5ea8", "#b0455a", "#6b6b6b")  # told apart by the colour-blind too
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
