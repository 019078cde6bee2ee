"""What is exported: a model, its tokenizer, and what is known of its training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.inference.generation_config import read_sampling
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.load import load_trained, run_of
from storyteller.runs.openings import KnownOpenings
from storyteller.runs.provenance import Stage, read_stages
from storyteller.runs.run_config import RunConfig
from storyteller.runs.training_time import training_seconds
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import read_json

Notice = Callable[[str], None]

PARTS_FILE = "parts.json"  # in a run's folder: which of its parts the student wrote; the capstone makes it


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A trained model, and what is known of its training."""

    name: str  # of the run
    folder: Path  # the run's
    model: Decoder  # on the CPU, in evaluation mode
    tokenizer: Tokenizer
    step: int  # updates of the weights
    values: Mapping[str, Any]  # what the checkpoint says of the training; see `Trainer.capture`
    run_config: RunConfig | None  # what the run was; None where no command made it
    sampled: Mapping[str, Any] | None  # how many of its stories hold together; None where that was not measured
    seconds: float | None  # that the training took; None where that is not known
    by_student: Mapping[str, bool]  # part -> whether the student wrote it; empty where all are the course's
    sampling: Sampling  # how its stories are told
    openings: KnownOpenings  # how its training stories begin
    stages: tuple[Stage, ...] = ()  # how it has learned further since it was trained

    @property
    def example_opening(self) -> str:
        """An opening that the model knows, for an example of its use."""
        usual = "Once upon a time"
        return usual if self.openings.knows(usual) else self.openings.commonest[0]

    @property
    def config(self) -> ModelConfig:
        """The model's shape."""
        return self.model.config


def read_trained(
    run: Path, *, by_student: Mapping[str, bool] | None = None, notice: Notice | None = None
) -> TrainedRun:
    """Read a run, or one checkpoint of it.

    Args:
        run: the run's folder, or a checkpoint's own.
        by_student: who wrote what; None takes what the run says of itself.
        notice: called when a damaged checkpoint was passed over; None gives a Python warning.

    Raises:
        StorytellerError: there is no valid checkpoint, no tokenizer, or the two do not belong together; or a file is
            damaged in which the run says something of itself.
    """
    model, tokenizer, checkpoint = load_trained(run, notice=notice)
    if tokenizer.vocab_size != model.config.vocab_size:
        raise StorytellerError(
            f"The tokenizer in {run} has {tokenizer.vocab_size} tokens and the model {model.config.vocab_size}: "
            "put the tokenizer.json there that the model was trained with."
        )
    folder = run_of(run)
    settings, sampled = folder / "run.json", folder / "sampled.json"
    return TrainedRun(
        name=folder.resolve().name,
        folder=folder,
        model=model,
        tokenizer=tokenizer,
        step=checkpoint.step,
        values=checkpoint.values,
        run_config=None if not settings.is_file() else RunConfig.load(folder, way_out=f"mend it, or delete {settings}"),
        sampled=read_json(sampled, way_out="delete it") if sampled.is_file() else None,
        seconds=training_seconds(folder, step=checkpoint.step),
        by_student=parts_of(folder) if by_student is None else by_student,
        sampling=read_sampling(folder),
        openings=KnownOpenings.load(folder),
        stages=read_stages(folder),
    )


def parts_of(folder: Path) -> dict[str, bool]:
    """Which of its parts the run in the folder owes to the student; empty where it says nothing of them.

    Raises:
        StorytellerError: its file is damaged.
    """
    file = folder / PARTS_FILE
    return read_parts(file) if file.exists() else {}


def read_parts(file: Path) -> dict[str, bool]:
    """Read which parts the student wrote.

    Raises:
        StorytellerError: the file cannot be read, or it is not a JSON object of true and false.
    """
    parts = read_json(file, way_out="mend it or leave it out")
    if not isinstance(parts, dict) or not all(isinstance(own, bool) for own in parts.values()):
        raise StorytellerError(f'{file} must map each part to true or false, as in {{"route_top_k": true}}.')
    return parts
