"""The long run: a preset, trained through `storyteller.runs.pipeline` with the gathered parts."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from storyteller.config import Preset
from storyteller.config import preset as find_preset
from storyteller.errors import StorytellerError
from storyteller.export.trained_run import PARTS_FILE, parts_of
from storyteller.moe.cost_model import (
    MACHINES,
    count,
    count_parameters,
    duration,
    size,
    training_hours,
    training_memory,
)
from storyteller.runs import pipeline
from storyteller.runs.load import load_trained
from storyteller.runs.pipeline import Notice, RunContext
from storyteller.runs.run_config import RunConfig, is_finished
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import list_checkpoints
from storyteller.training.events import Evaluated, Event, Message, Saved, StepDone
from storyteller.training.losses import Metrics
from storyteller.training.trainer import Trainer
from storyteller.utils.atomic_io import write_json
from storyteller.utils.device import pick_device
from storyteller_course.capstone.adapters import as_run_components
from storyteller_course.capstone.collect import Gathered
from storyteller_course.capstone.finished_run import FinishedRun, History

FAST_STORIES, FAST_STEPS = 80, 4
LINE_SECONDS = 20.0  # between two lines of progress


def train(
    parts: Gathered,
    *,
    preset: str = "tiny",
    corpus: str | None = None,
    minutes: float | None = 3.0,
    folder: str | Path | None = None,
    track: bool = False,
    changes: Mapping[str, Any] | None = None,
    quiet: bool = False,
    device: str = "auto",
) -> FinishedRun:
    """Train a storyteller of these parts, or go on with the run in the folder.

    STORYTELLER_FAST=1 makes a few steps on a few stories of it, to see that everything works.

    Args:
        parts: from `gather`.
        preset: tiny, small, base or full.
        corpus: as `load_stories` takes it; None for the preset's own.
        minutes: train for so long; None makes all the steps of the preset.
        folder: where the run is kept; `runs/capstone` by default, with the preset behind it if it is not tiny.
        track: log the run to MLflow.
        changes: other values for fields of the model's or the training's configuration, such as {"top_k": 1}.
        quiet: print nothing.
        device: auto, cpu, cuda or mps.

    Raises:
        StorytellerError: among others, an interrupted run; its message is how to go on.
    """
    say: Notice = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    chosen = find_preset(preset)
    name = "capstone" if preset == "tiny" else f"capstone-{preset}"
    where = Path("runs") / name if folder is None else Path(folder)
    if preset != "tiny":
        say(costs(chosen))
    if is_finished(where):
        say(f"{where} is finished: this is that run. For a new one name another folder, or delete this one.")
        return load(where, parts)
    wanted = make_run_config(chosen, corpus=corpus, minutes=minutes, changes=changes or {})
    by_student = _note_parts(where, parts)
    history = History.load(where)
    parts.calls.clear()
    parts.calls.update(history.calls)
    history.calls = parts.calls
    try:
        result = pipeline.train(
            wanted,
            where,
            notice=say,
            on_event=_event_handler(history, where, say),
            device=pick_device(device),
            context=_run_context(history, by_student, track=track, say=say),
            components=as_run_components(parts, notice=say),
        )
    finally:
        history.save(where)
    if result.interrupted:
        raise StorytellerError(f"Stopped at step {result.step}; {where} keeps the run. Run the cell again to go on.")
    return load(where, parts, tracked=track)


def make_run_config(
    chosen: Preset, *, corpus: str | None, minutes: float | None, changes: Mapping[str, Any]
) -> RunConfig:
    """The preset's run with these changes; a very short one where STORYTELLER_FAST is 1.

    Raises:
        StorytellerError: a change names no field.
    """
    shape, training = vars(chosen.model), vars(chosen.train)
    if unknown := sorted(changes.keys() - shape.keys() - training.keys()):
        raise StorytellerError(f"There is no setting {', '.join(unknown)}; see ModelConfig and TrainConfig.")
    run = RunConfig(
        preset=chosen.name,
        corpus=chosen.corpus if corpus is None else corpus,
        stories=chosen.stories,
        model=replace(chosen.model, **{name: value for name, value in changes.items() if name in shape}),
        train=replace(chosen.train, **{name: value for name, value in changes.items() if name in training}),
        seconds=None if minutes is None else 60 * minutes,
    )
    if os.environ.get("STORYTELLER_FAST") != "1":
        return run
    short = replace(run.train, steps=FAST_STEPS, evaluate_every=FAST_STEPS, checkpoint_every=FAST_STEPS)
    return replace(run, stories=FAST_STORIES, train=short, seconds=None)


def costs(chosen: Preset) -> str:
    """What the cost model says of a preset, in a few sentences; nothing of it was timed."""
    parameters = count_parameters(chosen.model)
    memory = size(training_memory(chosen.model, chosen.train).total)
    times = "; ".join(f"{duration(training_hours(chosen, machine))} ({machine.name})" for machine in MACHINES)
    return (
        f"{chosen.name}: {count(parameters.total)} parameters, {count(parameters.active)} of them active for a token; "
        f"{memory} to train it. All its steps, by estimate: {times}."
    )


def load(folder: Path, parts: Gathered, *, tracked: bool | None = None) -> FinishedRun:
    """A finished run from its folder.

    Raises:
        StorytellerError: there is no trained model.
    """
    model, tokenizer, checkpoint = load_trained(folder)
    metrics = checkpoint.values.get("metrics")
    return FinishedRun(
        folder=folder,
        config=RunConfig.load(folder),
        parts=parts,
        by_student=parts_of(folder),
        history=History.load(folder),
        model=model,
        tokenizer=tokenizer,
        tracked=(folder / "mlflow.json").is_file() if tracked is None else tracked,
        metrics=None if metrics is None else Metrics(**metrics),
    )


def _note_parts(folder: Path, parts: Gathered) -> dict[str, bool]:
    """Write `parts.json`. In a run that goes on, only what was the student's from the first step on counts as such."""
    by_student = parts.by_student
    if list_checkpoints(folder):
        before = parts_of(folder)
        by_student = {name: own and before.get(name, False) for name, own in by_student.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / PARTS_FILE, by_student)
    return by_student


def _event_handler(history: History, folder: Path, say: Notice) -> Callable[[Event], None]:
    """Called with the trainer's events: keeps the history with every checkpoint, and prints a line now and then."""
    last: list[float] = []  # when the last line was, once the first step is made

    def handle(event: Event) -> None:
        history.handle(event)
        if isinstance(event, StepDone) and not last:
            last.append(time.monotonic())
        elif isinstance(event, StepDone) and time.monotonic() - last[0] > LINE_SECONDS:
            last[0] = time.monotonic()
            say(f"{event.step / event.steps:4.0%}  loss {event.loss:.2f}  {event.seconds_left:.0f} s left")
        elif isinstance(event, Saved):
            history.save(folder)
        elif isinstance(event, Evaluated):
            say(f"step {event.step}: validation loss {event.metrics.loss:.3f}")
        elif isinstance(event, Message):
            say(event.text)

    return handle


def _run_context(history: History, by_student: Mapping[str, bool], *, track: bool, say: Notice) -> RunContext:
    """What is entered while the trainer runs: a look at the routing, and MLflow's tracker if wished."""

    @contextmanager
    def context(trainer: Trainer, tokenizer: Tokenizer, run: RunConfig) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(trainer.model.register_forward_hook(history.record_routing).remove)
            if track:
                from storyteller.tracking.tracker import Tracker

                own = " ".join(name for name, yours in by_student.items() if yours)
                about = {"preset": run.preset, "corpus": run.corpus, "stories": run.stories, "by_student": own}
                name = "storyteller-capstone"
                stack.enter_context(Tracker(trainer, tokenizer, parameters=about, model_name=name, notice=say))
            yield

    return context
