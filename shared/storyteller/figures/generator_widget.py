"""A story generator in the notebook: an opening, a few settings, and the story in colours as it is told."""

import threading
import time
from dataclasses import replace
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller.figures.display import kernel_runs, publish, safe, widget_view
from storyteller.figures.traced_story import still_html, told_html
from storyteller.inference.sampling import Sampling
from storyteller.inference.trace import TokenTrace, stream_traced
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

SAMPLING = Sampling(temperature=0.8, max_new_tokens=200, seed=1)
PAUSE = 0.15  # seconds between two pictures: each carries the whole story to the browser


def generator(
    model: Decoder, tokenizer: Tokenizer, *, opening: str = "Once upon a time", sampling: Sampling = SAMPLING
) -> None:
    """A form that asks the model for stories; where no widget runs, the first of them as a still picture.

    Each token stands on the ground of its rarity. The pointer on it shows its probability, what else the model thought
    of, and the experts at work. While a story is told, other cells may run, but should leave this model alone.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        opening: how the first story begins.
        sampling: the settings that the form starts with.

    Raises:
        StorytellerError: the opening is no text for this tokenizer.
    """
    tokens = list(stream_traced(model, tokenizer, opening, sampling=sampling))
    text = opening + "".join(told.text for told in tokens)
    bundle = {"text/html": still_html(tokens, opening=opening), "text/plain": text}
    if kernel_runs():
        form = Generator(model, tokenizer, opening, sampling, told_html(tokens, opening=opening))
        bundle |= widget_view(form.box)
    publish(bundle)


class Generator:
    """The form. A story is told in a thread, so that the kernel can hear the Stop button."""

    def __init__(self, model: Decoder, tokenizer: Tokenizer, opening: str, sampling: Sampling, still: str) -> None:
        self.model, self.tokenizer, self.start = model, tokenizer, sampling
        widgets = optional_import("ipywidgets", extra="lessons")
        wide = {"style": {"description_width": "7em"}, "layout": {"width": "24em"}}
        self.opening = widgets.Textarea(opening, description="opening", rows=2, style=wide["style"])
        self.opening.layout.width = "48.5em"
        self.greedy = widgets.Checkbox(
            sampling.greedy, description="greedy: always the likeliest token, nothing is drawn", indent=False
        )
        self.greedy.layout.width, self.greedy.layout.margin = "40em", "2px 2px 2px 7.5em"
        hot, top_p = sampling.temperature, sampling.top_p or 1.0
        self.temperature = widgets.FloatSlider(hot, min=0.1, max=3, step=0.1, description="temperature", **wide)
        self.top_p = widgets.FloatSlider(top_p, min=0.05, max=1, step=0.05, description="top-p (1: all)", **wide)
        self.top_k = widgets.BoundedIntText(
            sampling.top_k or 0, min=0, max=1_000_000, description="top-k (0: all)", **wide
        )
        self.seed = widgets.BoundedIntText(sampling.seed, min=0, max=2**31, description="seed", **wide)
        self.length = widgets.IntSlider(sampling.max_new_tokens, min=1, max=600, description="most tokens", **wide)
        self.tell = widgets.Button(description="Tell", button_style="primary")
        self.stop = widgets.Button(description="Stop", disabled=True)
        self.story = widgets.HTML(still)
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None
        self.tell.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.stopped.set())
        self.greedy.observe(lambda _: self.settle(), "value")
        self.settle()
        rows = [[self.temperature, self.top_k], [self.top_p, self.seed], [self.length, self.tell, self.stop]]
        self.box = widgets.VBox([self.opening, self.greedy, *map(widgets.HBox, rows), self.story])

    def settle(self) -> None:
        """Grey out what says how to draw, while nothing is drawn."""
        for field in (self.temperature, self.top_k, self.top_p, self.seed):
            field.disabled = self.greedy.value

    def sampling(self) -> Sampling:
        """What the form says; what it has no field for stays as it started. Its limits keep every value in range."""
        return replace(
            self.start,
            temperature=self.temperature.value,
            top_k=self.top_k.value or None,
            top_p=self.top_p.value,
            seed=self.seed.value,
            max_new_tokens=self.length.value,
            greedy=self.greedy.value,
        )

    def begin(self) -> None:
        """Start a story; nothing while one is told."""
        if self.thread is not None and self.thread.is_alive():
            return
        opening = self.opening.value
        try:
            tokens = stream_traced(self.model, self.tokenizer, opening, sampling=self.sampling())
        except StorytellerError as refusal:
            self.story.value = f"<p><b>{safe(str(refusal))}</b></p>"
            return
        self.stopped.clear()
        self.tell.disabled, self.stop.disabled = True, False
        self.thread = threading.Thread(target=self._run, args=(opening, tokens), daemon=True)
        self.thread.start()

    def _run(self, opening: str, tokens: Any) -> None:
        told: list[TokenTrace] = []
        shown = 0.0
        try:
            for one in tokens:
                told.append(one)
                if time.monotonic() - shown > PAUSE:
                    self.story.value, shown = told_html(told, opening=opening), time.monotonic()
                if self.stopped.is_set():
                    break
            self.story.value = told_html(told, opening=opening)
        except StorytellerError as fault:
            self.story.value = f"<p><b>{safe(str(fault))}</b></p>"
        finally:
            tokens.close()
            self.tell.disabled, self.stop.disabled = False, True
