"""`storyteller tell`: continue an opening with a trained model, token by token."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from storyteller.cli.shared.load_run import load_run
from storyteller.cli.shared.typer_extensions import with_sampling_options
from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import Sampling

# A byte-level model can write any byte, and a terminal obeys some: all control characters but tab and line break.
CONTROL_CHARACTERS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}


@with_sampling_options(temperature=0.8, seed=1, max_new_tokens=400)
def tell(
    opening: Annotated[str, typer.Argument(help="how the story begins; nothing leaves that to the model")] = "",
    run: Annotated[Path, typer.Option(help="the folder of a trained run")] = Path("runs/tiny"),
    *,
    settings: dict[str, Any],
    count: Annotated[int, typer.Option(help="stories to tell, with the seeds that follow each other")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Tell a story that begins with the opening, token by token."""
    from storyteller.inference.generate import stream_text

    if count < 1:
        raise StorytellerError(f"count is {count}; it must be 1 or more.")
    sampling = Sampling(**settings)
    model, tokenizer = load_run(run, device=device)
    for number in range(count):
        pieces = stream_text(model, tokenizer, opening, sampling=replace(sampling, seed=sampling.seed + number))
        if number:
            print("\n---\n")
        say(opening, pieces)


def say(opening: str, pieces: Iterable[str]) -> None:
    """Print the opening and then each piece of its continuation as soon as it comes."""
    if hasattr(sys.stdout, "reconfigure"):  # an old console that lacks a character must not end the story
        sys.stdout.reconfigure(errors="replace")
    print(opening.translate(CONTROL_CHARACTERS), end="", flush=True)
    for piece in pieces:
        print(piece.translate(CONTROL_CHARACTERS), end="", flush=True)
    print()
