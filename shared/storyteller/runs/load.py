"""Trained models, found in the folders of their runs.

model, tokenizer = load_model(Path("runs/tiny"))
"""

from collections.abc import Callable
from pathlib import Path

import torch

from storyteller.config import ModelConfig, from_dict
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import (
    CHECKPOINT_NAME,
    Checkpoint,
    DamagedCheckpoint,
    Notice,
    check_checkpoint,
    load_checkpoint,
    load_weights,
    path_of,
    refuse_other_parts,
)
from storyteller.transformer.decoder import Decoder


def load_model(
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    notice: Notice | None = None,
    build: Callable[..., Decoder] = build_model,
) -> tuple[Decoder, Tokenizer]:
    """The trained model of a run, ready to generate, and its tokenizer.

    Args:
        folder: the run's folder, for its latest valid checkpoint, or a checkpoint's own, such as `run/step-000200`.
        device: where the model shall live.
        notice: as in `load_checkpoint`.
        build: called as `build_model`; a model with replaced parts needs a function that gives it the same ones.

    Raises:
        StorytellerError: the folder holds no valid checkpoint or no tokenizer, or the two do not belong together, or
            the model was trained with other parts than `build` gives it.
    """
    model, tokenizer, _ = load_trained(folder, device=device, notice=notice, build=build)
    return model, tokenizer


def load_trained(
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    notice: Notice | None = None,
    build: Callable[..., Decoder] = build_model,
) -> tuple[Decoder, Tokenizer, Checkpoint]:
    """As `load_model`, and the checkpoint without its tensors, which says how the model was trained.

    The weights go into the model one by one, so that they are in memory once.
    """
    # First the checkpoint: where there is none, that is what the user should hear.
    run = run_of(folder)
    if run == folder:
        checkpoint = load_checkpoint(run, with_state=False, notice=notice, read=check_checkpoint)
        path = path_of(run, checkpoint.step)
    else:  # that very one was asked for
        try:
            checkpoint, path = check_checkpoint(folder, with_state=False), folder
        except DamagedCheckpoint as error:
            raise StorytellerError(f"{folder} cannot be used ({error}); name another checkpoint of the run.") from error
    tokenizer = Tokenizer.load(run / "tokenizer.json")
    if checkpoint.values["tokenizer"] not in (None, tokenizer.fingerprint):
        raise StorytellerError(f"{run / 'tokenizer.json'} is not the tokenizer that the model was trained with.")
    model = build(from_dict(ModelConfig, checkpoint.values["model_config"]), seed=0)
    refuse_other_parts(model, checkpoint.values)
    load_weights(path, model)
    return model.to(device).eval(), tokenizer, checkpoint


def run_of(folder: Path) -> Path:
    """The run that a folder belongs to: itself, or where it is a checkpoint, the folder above."""
    return folder.parent if CHECKPOINT_NAME.fullmatch(folder.name) else folder
