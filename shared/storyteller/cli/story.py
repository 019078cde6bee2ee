"""`storyteller story`: everything at once, from the corpus to three stories."""

from pathlib import Path
from typing import Annotated

import typer

OPENINGS = (
    "There was once a",
    "A little girl named Mia",
    "Next door to each other lived",
)
MINUTES = 2.8  # of training; with the trial before it, under three


def story(
    out: Annotated[Path, typer.Option(help="the run's folder")] = Path("runs/tiny"),
    minutes: Annotated[float, typer.Option(help="training time at most, the first time")] = MINUTES,
    seed: Annotated[int, typer.Option(help="another seed tells other stories")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Train the tiny model on the embedded corpus, once, and tell three stories."""
    from rich.console import Console

    from storyteller.cli.tell import say
    from storyteller.cli.train import run_config_from, train_and_show
    from storyteller.inference.generate import stream_text
    from storyteller.inference.sampling_options import Sampling
    from storyteller.runs.consistency import STORY_TEMPERATURE, consistency
    from storyteller.runs.load import load_model
    from storyteller.runs.run_config import is_finished
    from storyteller.utils.device import pick_device

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not is_finished(out):
        run = run_config_from("tiny", corpus=None, stories=None, seconds=minutes * 60, options={})
        train_and_show(run, out, device=device)
    model, tokenizer = load_model(out, device=pick_device(device), notice=console.print)
    sampling = Sampling(temperature=STORY_TEMPERATURE, max_new_tokens=400, seed=seed)
    for opening in OPENINGS:
        print()
        say(opening, stream_text(model, tokenizer, opening, sampling=sampling))
    print()
    figures = consistency(out, model, tokenizer, notice=console.print)
    console.print(
        f"{figures['consistent']:.0%} of {figures['stories']} sampled stories come to their end without a "
        f"contradiction (read them in {out / 'sampled.txt'})."
    )
    console.print(
        f'Your turn: storyteller tell --run {out} --temperature {STORY_TEMPERATURE} "A little girl named Mia"'
    )
