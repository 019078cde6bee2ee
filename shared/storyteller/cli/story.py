"""`storyteller story`: everything at once, from the corpus to three stories."""

import os
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.typer_extensions import seconds_of
from storyteller.inference.sampling_options import Sampling

STORIES = 3  # told at once
PAGE = "storyteller.html"  # in the run's folder
MINUTES = 2.8  # of training; with the trial before it, under three


def story(
    out: Annotated[Path, typer.Option(help="the run's folder")] = Path("runs/tiny"),
    minutes: Annotated[float, typer.Option(help="training time at most, the first time")] = MINUTES,
    seed: Annotated[int, typer.Option(help="another seed tells other stories")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Train the tiny model on the embedded corpus, once, tell three stories, and write a page that tells more."""
    seconds = seconds_of(minutes)
    for number in (0, STORIES - 1):  # a seed that no story can have is refused before the training
        Sampling(seed=seed + number)
    from rich.console import Console

    from storyteller.cli.tell import say
    from storyteller.cli.train import run_config_from, train_and_show
    from storyteller.evaluation.stories import consistency
    from storyteller.export import export_run
    from storyteller.inference.generate import stream_text
    from storyteller.inference.generation_config import read_sampling
    from storyteller.runs.load import load_model
    from storyteller.runs.openings import KnownOpenings
    from storyteller.runs.run_config import is_finished
    from storyteller.utils.device import pick_device

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not is_finished(out):
        run = run_config_from("tiny", corpus=None, stories=None, seconds=seconds, options={})
        train_and_show(run, out, device=device)
    model, tokenizer = load_model(out, device=pick_device(device), notice=console.print)
    sampling = read_sampling(out)
    openings = KnownOpenings.load(out).commonest[:STORIES] or ("",) * STORIES
    for number, opening in enumerate(openings):
        print()
        say(opening, stream_text(model, tokenizer, opening, sampling=replace(sampling, seed=seed + number)))
    print()
    figures = consistency(out, model, tokenizer, notice=console.print)
    console.print(
        f"{figures['consistent']:.0%} of {figures['stories']} sampled stories come to their end without a "
        f"contradiction (read them in {out / 'sampled.txt'})."
    )
    export_run(out, out / PAGE, format="html")
    console.print(f"{out / PAGE} is a page that tells its stories in any browser, offline: open it, or send it on.")
    if command := activation():
        console.print(f"For the commands below, once in this terminal: {command}")
    console.print(f'Your turn: storyteller tell --run {out} "{openings[0] or "Once upon a time"}"')
    console.print(f"Or let it learn from a reward for its own stories: storyteller reinforce {out}")


def activation() -> str | None:
    """What lets this terminal find `storyteller`; None where it does so already or has no environment of its own."""
    if sys.prefix == sys.base_prefix or shutil.which("storyteller"):
        return None
    environment = Path(sys.prefix)
    if environment.is_relative_to(Path.cwd()):
        environment = environment.relative_to(Path.cwd())
    if os.name == "nt":
        return str(environment / "Scripts" / "activate")
    return shlex.join(["source", str(environment / "bin" / "activate")])
