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
    from storyteller.cli.train import plan_from, train_and_show
    from storyteller.inference.generate import stream_text
    from storyteller.inference.sampling_options import Sampling
    from storyteller.runs.pipeline import TEMPERATURE, consistency, is_finished, pick_device
    from storyteller.training.checkpoint import load_model

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not is_finished(out):
        plan = plan_from("tiny", corpus=None, stories=None, seconds=minutes * 60, options={})
        train_and_show(plan, out, device=device)
    model, tokenizer = load_model(out, device=pick_device(device), notice=console.print)
    sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=400, seed=seed)
    for opening in OPENINGS:
        print()
        say(opening, stream_text(model, tokenizer, opening, sampling=sampling))
    print()
    found = consistency(out, model, tokenizer, notice=console.print)
    console.print(
        f"{found['consistent']:.0%} of {found['stories']} sampled stories come to their end without a contradiction "
        f"(read them in {out / 'sampled.txt'})."
    )
    console.print(f'Your turn: storyteller tell --run {out} --temperature {TEMPERATURE} "A little girl named Mia"')
