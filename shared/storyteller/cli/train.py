"""`storyteller train`: train a preset's model on a corpus."""

import math
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyteller.config import preset
from storyteller.corpus.load import CORPUS_NAMES
from storyteller.errors import StorytellerError

if TYPE_CHECKING:
    from storyteller.runs.pipeline import RunContext
    from storyteller.runs.run_config import RunConfig
    from storyteller.tokenizer import Tokenizer
    from storyteller.training.trainer import Trainer

RUNS = Path("runs")


def train(
    name: Annotated[str, typer.Argument(metavar="PRESET", help="tiny, small, base or full")] = "tiny",
    out: Annotated[Path | None, typer.Option(help="the run's folder  [runs/PRESET]")] = None,
    corpus: Annotated[str | None, typer.Option(help=f"{CORPUS_NAMES}, or a file or folder")] = None,
    stories: Annotated[int | None, typer.Option(min=1, help="training stories at most")] = None,
    minutes: Annotated[float | None, typer.Option(help="train for so long; a short trial decides the steps")] = None,
    steps: Annotated[int | None, typer.Option(help="updates of the weights")] = None,
    batch_size: Annotated[int | None, typer.Option(help="sequences in one forward pass")] = None,
    grad_accum_steps: Annotated[int | None, typer.Option(help="forward passes before one update")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="the highest rate")] = None,
    dtype: Annotated[str | None, typer.Option(help="auto, float32, bfloat16 or float16")] = None,
    seed: Annotated[int | None, typer.Option(help="initial weights and order of the data")] = None,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option(help="recompute activations instead of keeping them")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
    track: Annotated[bool, typer.Option("--track", help="log the run to MLflow; storyteller mlflow shows it")] = False,
) -> None:
    """Train a model, or go on with the run in the folder."""
    if minutes is not None and (not 0 < minutes < math.inf or steps is not None):
        raise StorytellerError(f"--minutes is {minutes}: it must be a number above 0, and without --steps.")
    options = {
        "steps": steps,
        "batch_size": batch_size,
        "grad_accum_steps": grad_accum_steps,
        "learning_rate": learning_rate,
        "dtype": dtype,
        "seed": seed,
        "gradient_checkpointing": gradient_checkpointing,
    }
    seconds = None if minutes is None else minutes * 60
    run = run_config_from(name, corpus=corpus, stories=stories, seconds=seconds, options=options)
    train_and_show(run, out or RUNS / name, device=device, track=track)


def run_config_from(
    name: str, *, corpus: str | None, stories: int | None, seconds: float | None, options: dict[str, Any]
) -> "RunConfig":
    """A preset's run, changed by the options that were given; None keeps the preset's value."""
    from storyteller.runs.run_config import RunConfig

    base = preset(name)
    if corpus is not None and not corpus.strip():
        raise StorytellerError(f"--corpus is empty; name {CORPUS_NAMES}, or a file or folder.")
    given = {option: value for option, value in options.items() if value is not None}
    return RunConfig(
        preset=name,
        corpus=base.corpus if corpus is None else corpus,
        stories=stories or base.stories,
        model=base.model,
        train=replace(base.train, **given),
        seconds=seconds,
    )


def train_and_show(run: "RunConfig", folder: Path, *, device: str, track: bool = False) -> None:
    """Train with a progress bar, and log the run to MLflow if asked to.

    Raises:
        StorytellerError: among others, Ctrl-C; its message is how to go on.
    """
    from rich.console import Console

    from storyteller.cli.progress_bar import TrainingProgress
    from storyteller.runs.pipeline import train
    from storyteller.utils.device import pick_device

    with TrainingProgress(Console()) as progress:
        context = tracking(progress.say) if track else None
        result = train(run, folder, notice=progress.say, on_event=progress, device=pick_device(device), context=context)
    if result.interrupted:
        same_command = shlex.join(["storyteller", *sys.argv[1:]])  # as it was typed, for the shell
        raise StorytellerError(
            f"stopped at step {result.step}; {result.checkpoint} keeps the run. To go on: {same_command}"
        )


def tracking(notice: Callable[[str], None], *, parameters: Mapping[str, Any] | None = None) -> "RunContext":
    """What logs a run to MLflow while it trains.

    Args:
        notice: called with what the user should know.
        parameters: further settings to be logged.

    Raises:
        StorytellerError: mlflow is not installed, or MLFLOW_TRACKING_URI cannot be used.
    """
    from storyteller.tracking.store import load_mlflow, store_uri
    from storyteller.tracking.tracker import Tracker

    load_mlflow()  # where it is missing, that is said before the corpus is read
    uri = store_uri()

    def context(trainer: "Trainer", tokenizer: "Tokenizer", run: "RunConfig") -> Tracker:
        about = {"preset": run.preset, "corpus": run.corpus, "stories": run.stories, **(parameters or {})}
        notice(f"Logging to {uri}; storyteller mlflow shows it.")
        return Tracker(trainer, tokenizer, parameters=about, uri=uri, notice=notice)

    return context
