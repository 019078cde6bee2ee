"""`storyteller train`: train a preset's model on a corpus."""

import math
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyteller.cli.typer_extensions import seconds_of
from storyteller.config import preset
from storyteller.corpus.load import CORPUS_NAMES
from storyteller.errors import StorytellerError, require

if TYPE_CHECKING:
    from storyteller.runs.pipeline import RunComponents, RunContext
    from storyteller.runs.run_config import RunConfig
    from storyteller.tokenizer import Tokenizer
    from storyteller.training.processes import OneProcess
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
    compile: Annotated[
        str | None, typer.Option(help="compile each block: auto (on a GPU with a compiler), on or off")
    ] = None,
    balance_scope: Annotated[
        str | None, typer.Option(help="balance the experts over each forward pass (local) or each step (global)")
    ] = None,
    async_checkpoints: Annotated[
        bool | None, typer.Option(help="write checkpoints while training goes on; needs memory for a copy")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="train in so many processes on this machine")] = None,
    shard: Annotated[int, typer.Option(min=1, help="divide the weights among so many processes")] = 1,
    expert: Annotated[int, typer.Option(min=1, help="divide the experts among so many processes")] = 1,
    timeout: Annotated[float, typer.Option(help="seconds that one process may keep the others waiting")] = 600.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
    track: Annotated[bool, typer.Option("--track", help="log the run to MLflow; storyteller mlflow shows it")] = False,
) -> None:
    """Train a model, or go on with the run in the folder.

    With --processes (or under torchrun) every step is shared out among several processes.
    """
    seconds = seconds_of(minutes, steps=steps)
    if minutes is not None and async_checkpoints:
        raise StorytellerError("--minutes looks at the time when a checkpoint is whole: leave --async-checkpoints out.")
    options = {
        "steps": steps,
        "batch_size": batch_size,
        "grad_accum_steps": grad_accum_steps,
        "learning_rate": learning_rate,
        "dtype": dtype,
        "seed": seed,
        "gradient_checkpointing": gradient_checkpointing,
        "compile": compile,
        "balance_scope": balance_scope,
        "async_checkpoints": async_checkpoints,
    }
    run = run_config_from(name, corpus=corpus, stories=stories, seconds=seconds, options=options)
    folder = out or RUNS / name
    if processes is None and shard == expert == 1 and "WORLD_SIZE" not in os.environ:  # torchrun sets it
        train_and_show(run, folder, device=device, track=track)
    else:
        arrangement = Arrangement(processes, shard, expert, timeout)
        train_in_processes(run, folder, arrangement, device=device, track=track)


@dataclass(frozen=True)
class Arrangement:
    """Among how many processes a run is shared out, and how; see `storyteller.distributed.mesh`."""

    processes: int | None  # None: those that torchrun started
    shard: int
    expert: int
    timeout: float  # seconds

    def __post_init__(self) -> None:
        require(0 < self.timeout < math.inf, f"--timeout is {self.timeout:g}; it must be a number of seconds above 0.")


def train_in_processes(run: "RunConfig", folder: Path, wanted: Arrangement, *, device: str, track: bool) -> None:
    """Be one of the run's processes; or, where this is none of them yet, start them and wait.

    Raises:
        StorytellerError: as `train_and_show`; of all processes, one raises it.
    """
    from storyteller.distributed.data_parallel import ParallelProcesses
    from storyteller.distributed.launch import launch
    from storyteller.distributed.mesh import Meshes, check_fits, choose_mesh
    from storyteller.distributed.worker import is_worker, joined, number_of_processes
    from storyteller.runs.pipeline import RunComponents
    from storyteller.training.step_timing import candidate_dtypes

    if run.seconds is not None:
        raise StorytellerError("--minutes is planned by a trial in one process: give --steps with several processes.")
    started = number_of_processes() if is_worker() else None
    shape = choose_mesh(started or wanted.processes or 1, shard=wanted.shard, expert=wanted.expert)
    check_fits(shape, run.model)
    if started is None:
        launch(shape.processes, [sys.executable, "-m", "storyteller", *sys.argv[1:]], notice=print)
        return
    with joined(device, timeout=wanted.timeout) as worker:
        if wanted.processes not in (None, started):
            raise StorytellerError(f"--processes is {wanted.processes}, and {started} were started: leave it out.")
        if run.train.dtype == "auto":  # a trial's outcome could differ from process to process
            run = replace(run, train=replace(run.train, dtype=candidate_dtypes(worker.device)[0]))
        if run.train.dtype == "float16" and shape.sharded > 1:  # the loss's scale would follow a part of the gradient
            raise StorytellerError("float16 needs whole weights in each process: use bfloat16 or float32 with shards.")
        processes = ParallelProcesses(worker, Meshes.build(shape, worker.device.type), dtype=run.train.dtype)
        components = RunComponents(trainer=processes.components())
        train_and_show(run, folder, device=str(worker.device), track=track, processes=processes, components=components)


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


def train_and_show(
    run: "RunConfig",
    folder: Path,
    *,
    device: str,
    track: bool = False,
    processes: "OneProcess | None" = None,
    components: "RunComponents | None" = None,
) -> None:
    """Train with a progress bar, and log the run to MLflow if asked to; of several processes the first does both.

    Raises:
        StorytellerError: among others, Ctrl-C; its message is how to go on.
    """
    from rich.console import Console

    from storyteller.cli.progress_bar import TrainingProgress
    from storyteller.runs.pipeline import LIBRARY, train
    from storyteller.training.processes import OneProcess
    from storyteller.utils.device import pick_device

    among = processes or OneProcess()
    with TrainingProgress(Console(quiet=not among.is_first)) as progress:
        result = train(
            run,
            folder,
            notice=progress.say,
            on_event=progress,
            device=pick_device(device),
            context=tracking(progress.say) if track and among.is_first else None,
            components=components or LIBRARY,
            processes=among,
        )
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
