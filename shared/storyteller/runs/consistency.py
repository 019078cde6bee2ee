"""What share of a run's own stories holds together: measured once, kept in the run's folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storyteller.evaluation.stories import sample_stories
from storyteller.inference.sampling_options import Sampling
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import write_json

SAMPLED_STORIES = 100  # told by the model to see how many hold together
STORY_TEMPERATURE = 0.4  # for our own stories: bold enough to differ, tame enough to remember who owns the kite


def consistency(folder: Path, model: Decoder, tokenizer: Tokenizer, *, notice: Callable[[str], None]) -> dict[str, Any]:
    """What share of 100 stories that the model tells by itself has no contradiction; measured once for a run.

    Returns:
        "stories" how many, "consistent" the share that ended without a contradiction, "ended" the share that ended,
        "contradictions" for each kind the number of stories that have it.
    """
    file = folder / "sampled.json"
    if not file.is_file():
        notice(f"Letting the model tell {SAMPLED_STORIES} stories, to see how many hold together ...")
        sampling = Sampling(temperature=STORY_TEMPERATURE, max_new_tokens=400, seed=1000)
        report = sample_stories(model, tokenizer, [""] * SAMPLED_STORIES, sampling=sampling, batch_size=50)
        report.save(folder / "sampled.txt")
        figures = {"stories": SAMPLED_STORIES, "consistent": report.complete_and_consistent, "ended": report.ended}
        write_json(file, figures | {"contradictions": report.counts})
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values
