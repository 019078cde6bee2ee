"""The lessons' figures: charts, texts colored by token, and pictures with a slider.

    from storyteller import figures

    figures.histogram({"tales": lengths}, title="...", xlabel="words")
    figures.colored([b"Once", b" upon", b" a", b" time"])
    figures.slider(lambda n: figures.token_row(tokens_after(n)), range(20), label="merges")

A chart's title says what is to be seen in it; the lesson computes the numbers in it from the same data. What has a
slider is also a still picture, for where no widget runs (GitHub, a PDF, a notebook opened without its kernel).

display.py           pages, tables, tokens, sliders and progress bars, and how they reach a notebook
charts.py            distributions, lines, bars, and probabilities before and after a filter
attention.py         attention weights as heat maps, RoPE as clock faces
transformer.py       the residual stream, the growing KV cache
expert_layer.py      a layer of experts in its block, and on several machines
parallel.py          a ring that sums, memory of each device, a pipeline's turns
routing.py           loads of experts, routed tokens, dispatch step by step
training.py          curves of a run, load of its experts, descent, steps of AdamW, the range of float16
traced_story.py      a generated story in colors
generator_widget.py  the story generator of a notebook
"""

from storyteller.figures.attention import clocks, heat_maps, looked_at, rated_maps
from storyteller.figures.charts import bars, chances, curves, dots, histogram, panels
from storyteller.figures.display import colored, colored_html, page, progress_bar, slider, table, token_row, visible
from storyteller.figures.expert_layer import all_to_all, layer_in_the_block
from storyteller.figures.generator_widget import generator
from storyteller.figures.parallel import pipeline, ring_step, stacked
from storyteller.figures.routing import balance_picture, colored_by_expert, dispatch_step, expert_map, loads
from storyteller.figures.training import adam_steps, descent, float16_range, run_curves
from storyteller.figures.transformer import growing_cache, residual_stream

__all__ = [
    "adam_steps",
    "all_to_all",
    "balance_picture",
    "bars",
    "chances",
    "clocks",
    "colored",
    "colored_by_expert",
    "colored_html",
    "curves",
    "descent",
    "dispatch_step",
    "dots",
    "expert_map",
    "float16_range",
    "generator",
    "growing_cache",
    "heat_maps",
    "histogram",
    "layer_in_the_block",
    "loads",
    "looked_at",
    "page",
    "panels",
    "pipeline",
    "progress_bar",
    "rated_maps",
    "residual_stream",
    "ring_step",
    "run_curves",
    "slider",
    "stacked",
    "table",
    "token_row",
    "visible",
]
