"""What the commands that tell stories have in common: the model of a run, or a sentence that says how to get one."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from storyteller.errors import StorytellerError

if TYPE_CHECKING:
    from storyteller.tokenizer import Tokenizer
    from storyteller.transformer.decoder import Decoder


def load_run(run: Path, *, device: str) -> "tuple[Decoder, Tokenizer]":
    """The model of a run, or of one checkpoint of it, on the device, and its tokenizer.

    Raises:
        StorytellerError: there is no trained model, or no such device.
    """
    from storyteller.runs.load import load_model, run_of
    from storyteller.training.checkpoint import list_checkpoints
    from storyteller.utils.device import pick_device

    if not list_checkpoints(run_of(run)):
        raise StorytellerError(f"There is no trained model in {run}; storyteller story makes one in runs/tiny.")
    return load_model(run, device=pick_device(device), notice=lambda text: print(text, file=sys.stderr))
