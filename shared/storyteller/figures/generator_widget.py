"""A story generator in the notebook: an opening, the settings of sampling, and the story in colors as it grows."""

import threading
import time
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller.figures.display import kernel_runs, publish, safe, widget_view
from storyteller.figures.traced_story import still_html, story_html
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, STORY_SAMPLING, Sampling, SamplingOption
from storyteller.inference.trace import TokenTrace, stream_traced
from storyteller.runs.openings import KnownOpenings
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

REFRESH_S = 0.15  # seconds between two pictures: each carries the whole story to the browser


def generator(
    model: Decoder,
    tokenizer: Tokenizer,
    *,
    opening: str = "Once upon a time",
    sampling: Sampling = STORY_SAMPLING,
    known: KnownOpenings | None = None,
) -> None:
    """A form that asks the model for stories; where no widget runs, the first of them as a still picture.

    The background of each token shows its rarity. The pointer on it shows its probability, the model's alternatives,
    and the experts at work. While a story is generated, other cells may run, but should leave this model alone.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        opening: how the first story begins.
        sampling: the settings that the form starts with; `FinishedRun.sampling` has the run's own.
        known: how the stories begin that the model has read; a line says so where an opening begins otherwise.

    Raises:
        StorytellerError: the opening is no text for this tokenizer.
    """
    tokens = list(stream_traced(model, tokenizer, opening, sampling=sampling))
    text = opening + "".join(token.text for token in tokens)
    known = known or KnownOpenings()
    note = known.note(opening)
    still = note_html(note) + still_html(tokens, opening=opening)
    bundle = {"text/html": still, "text/plain": f"{note}\n{text}" if note else text}
    if kernel_runs():
        form = GeneratorForm(model, tokenizer, opening, sampling, story_html(tokens, opening=opening), known=known)
        bundle |= widget_view(form.box)
    publish(bundle)


def note_html(note: str) -> str:
    """What is said of an opening, above its story."""
    return f"<p><i>{safe(note)}</i></p>" if note else ""


class GeneratorForm:
    """The form. A story is generated in a thread, so that the kernel can hear the Stop button.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        opening: how the first story begins.
        sampling: the settings that the form starts with.
        still: the first story, as HTML.
        known: how the stories begin that the model has read.
    """

    def __init__(
        self,
        model: Decoder,
        tokenizer: Tokenizer,
        opening: str,
        sampling: Sampling,
        still: str,
        *,
        known: KnownOpenings | None = None,
    ) -> None:
        self.model, self.tokenizer, self.known = model, tokenizer, known or KnownOpenings()
        widgets = optional_import("ipywidgets", extra="lessons")
        self.opening = widgets.Textarea(
            opening, description="opening", rows=2, style={"description_width": "10em"}, layout={"width": "54.5em"}
        )
        # One field for every setting, by the setting's name in a form.
        self.fields = {
            option.form_name: _field(widgets, option, getattr(sampling, option.name))
            for option in SAMPLING_OPTIONS.values()
        }
        self.tell = widgets.Button(description="Tell", button_style="primary")
        self.stop = widgets.Button(description="Stop", disabled=True)
        self.story = widgets.HTML(still)
        self.note = widgets.HTML(note_html(self.known.note(opening)))
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None
        self.tell.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.stopped.set())
        greedy = self.fields["greedy"]
        greedy.observe(lambda _: self.disable_ignored(), "value")
        self.disable_ignored()
        numbers = [field for field in self.fields.values() if field is not greedy]
        rows = [numbers[i : i + 2] for i in range(0, len(numbers), 2)] + [[self.tell, self.stop]]
        self.box = widgets.VBox([self.opening, greedy, *map(widgets.HBox, rows), self.note, self.story])

    def disable_ignored(self) -> None:
        """Gray out the settings that greedy decoding ignores, while it is chosen."""
        for option in SAMPLING_OPTIONS.values():
            self.fields[option.form_name].disabled = option.greedy_ignores and self.fields["greedy"].value

    def sampling(self) -> Sampling:
        """What the form says. Its limits keep every value in range."""
        values = {option.name: self.fields[option.form_name].value for option in SAMPLING_OPTIONS.values()}
        off = {option.name: None for option in SAMPLING_OPTIONS.values() if values[option.name] == option.off}
        return Sampling(**values | off)

    def begin(self) -> None:
        """Start a story; nothing while one is generated."""
        if self.thread is not None and self.thread.is_alive():
            return
        opening = self.opening.value
        try:
            tokens = stream_traced(self.model, self.tokenizer, opening, sampling=self.sampling())
        except StorytellerError as refusal:
            self.story.value = f"<p><b>{safe(str(refusal))}</b></p>"
            return
        self.note.value = note_html(self.known.note(opening))
        self.stopped.clear()
        self.tell.disabled, self.stop.disabled = True, False
        self.thread = threading.Thread(target=self._run, args=(opening, tokens), daemon=True)
        self.thread.start()

    def _run(self, opening: str, tokens: Any) -> None:
        """Generate the story, in a thread, and show what there is of it every now and then."""
        generated: list[TokenTrace] = []
        refreshed = 0.0
        try:
            for token in tokens:
                generated.append(token)
                if time.monotonic() - refreshed > REFRESH_S:
                    self.story.value, refreshed = story_html(generated, opening=opening), time.monotonic()
                if self.stopped.is_set():
                    break
            self.story.value = story_html(generated, opening=opening)
        except StorytellerError as fault:
            self.story.value = f"<p><b>{safe(str(fault))}</b></p>"
        finally:
            tokens.close()
            self.tell.disabled, self.stop.disabled = False, True


def _field(widgets: Any, option: SamplingOption, value: Any) -> Any:
    """The widget of one setting: a checkbox, a slider where the range is small, and a box for a number otherwise."""
    if option.kind is bool:
        layout = {"width": "40em", "margin": "2px 2px 2px 10.5em"}
        return widgets.Checkbox(value, description=_lower_first(option.label), indent=False, layout=layout)
    low, high, label = option.low, option.high, _lower_first(option.label)
    if option.off is not None:  # a slider has no empty place
        low, high = min(low, option.off), max(high, option.off)
        label += f" ({option.off:g}: all)"
        value = option.off if value is None else value
    wide = {"description": label, "style": {"description_width": "10em"}, "layout": {"width": "27em"}}
    if option.kind is float:
        return widgets.FloatSlider(value, min=low, max=high, step=option.step, **wide)
    kind = widgets.IntSlider if high <= 1_000 else widgets.BoundedIntText
    return kind(value, min=low, max=high, **wide)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
