"""The lessons' figures: charts, texts colored by token, and pictures with a slider.

    from storyteller import figures as plots

    plots.histogram({"tales": lengths}, title="...", xlabel="words")
    plots.colored([b"Once", b" upon", b" a", b" time"])
    plots.slider(lambda n: plots.token_row(tokens_after(n)), range(20), label="merges")

A chart's title says what is to be seen in it; the lesson computes the numbers in it from the same data. What has a
slider is also a still picture, for where no widget runs (GitHub, a PDF, a notebook opened without its kernel).
"""

from storyteller.figures.attention import clocks, heat_maps, looked_at
from storyteller.figures.charts import bars, curves, histogram, panels
from storyteller.figures.display import slider
from storyteller.figures.generator_widget import generator
from storyteller.figures.routing import balance_picture, colored_by_expert, dispatch_step, expert_map, loads
from storyteller.figures.texts import colored, colored_html, page, table, token_row, visible

__all__ = [
    "balance_picture",
    "bars",
    "clocks",
    "colored",
    "colored_by_expert",
    "colored_html",
    "curves",
    "dispatch_step",
    "expert_map",
    "generator",
    "heat_maps",
    "histogram",
    "loads",
    "looked_at",
    "page",
    "panels",
    "slider",
    "table",
    "token_row",
    "visible",
]
