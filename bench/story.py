"""The tiny preset after three minutes of training, as `storyteller story` trains it.

    python -m bench story

Not repeated like the other parts: one model is trained on StoryWorld and, where the samples are at hand, one on real
TinyStories. What they tell is kept in `bench/results/`, to be read beside the figures.
"""

import shutil
import tempfile
from pathlib import Path

import torch

from bench.common import RESULTS, SAMPLES, Row
from storyteller.cli.story import MINUTES
from storyteller.config import preset
from storyteller.inference.generate import tell
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.consistency import STORY_TEMPERATURE, consistency
from storyteller.runs.load import load_model
from storyteller.runs.pipeline import train
from storyteller.runs.run_config import RunConfig
from storyteller.training.events import Event, StepDone

CPU = torch.device("cpu")
OPENINGS = ("Once upon a time, there was a little", "One day, a girl named Lily", "")
CONSISTENT = 0.8  # the share of sampled stories without a contradiction to aim at


def run(*, rounds: int) -> list[Row]:
    """Train on each corpus once; `rounds` has no meaning here."""
    rows = [_storyworld()]
    if (sample := SAMPLES / "tinystories-v2-sample.txt").is_file():
        rows.append(_tinystories(sample))
    return rows


def _storyworld() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        figures = _train(preset("tiny").corpus, Path(folder))
        model, tokenizer = load_model(Path(folder))
        report = consistency(Path(folder), model, tokenizer, notice=print)
        shutil.copy(Path(folder) / "sampled.txt", RESULTS / "storyworld-sampled.txt")
    figures |= {
        "sampled stories without a contradiction": f"{report['consistent']:.0%} of {report['stories']}",
        "stories that come to an end": f"{report['ended']:.0%}",
        "contradictions": ", ".join(f"{kind} {n}" for kind, n in report["contradictions"].items()) or "none",
    }
    met = report["consistent"] >= CONSISTENT
    return Row("tiny preset on StoryWorld", figures, f"aim: {CONSISTENT:.0%} without a contradiction", met)


def _tinystories(sample: Path) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        figures = _train(str(sample), Path(folder))
        model, tokenizer = load_model(Path(folder))
        sampling = Sampling(temperature=STORY_TEMPERATURE, max_new_tokens=300, seed=1)
        stories = tell(model, tokenizer, OPENINGS, sampling=sampling)
    (RESULTS / "tinystories-sampled.txt").write_text("\n\n---\n\n".join(stories) + "\n", encoding="utf-8")
    return Row(f"tiny preset on {sample.name}", figures)


def _train(corpus: str, folder: Path) -> dict[str, str]:
    """Train as `storyteller story` does; the figures of the run."""
    base = preset("tiny")
    run = RunConfig(
        preset="tiny",
        corpus=corpus,
        stories=base.stories,
        model=base.model,
        train=base.train,
        seconds=MINUTES * 60,
    )
    last: list[StepDone] = []

    def keep(event: Event) -> None:
        if isinstance(event, StepDone):
            last[:] = [event]

    result = train(run, folder, notice=print, on_event=keep, device=CPU)
    assert result.metrics is not None
    return {
        "steps": f"{result.step:,}",
        "tokens seen": f"{last[0].tokens:,}",
        "validation loss": f"{result.metrics.loss:.3f} nats a token",
        "validation bits per byte": f"{result.metrics.bits_per_byte:.3f}",
    }
