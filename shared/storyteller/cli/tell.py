"""`storyteller tell`: continue an opening with a trained model, token by token."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyteller.cli.typer_extensions import whole_text, with_sampling_options
from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import Sampling

if TYPE_CHECKING:
    from storyteller.tokenizer import Tokenizer
    from storyteller.transformer.decoder import Decoder

# A byte-level model can write any byte, and a terminal obeys some: all control characters but tab and line break.
CONTROL_CHARACTERS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}


@with_sampling_options()
def tell(
    opening: Annotated[
        str, typer.Argument(help="how the story begins; nothing leaves that to the model", callback=whole_text)
    ] = "",
    run: Annotated[Path, typer.Option(help="the folder of a trained run")] = Path("runs/tiny"),
    *,
    settings: dict[str, Any],
    count: Annotated[int, typer.Option(min=1, help="stories to tell, each with random numbers of its own")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Tell a story that begins with the opening, token by token."""
    from storyteller.inference.generate import stream_text
    from storyteller.inference.generation_config import read_sampling
    from storyteller.inference.sampling import row_seed
    from storyteller.runs.load import run_of
    from storyteller.runs.openings import KnownOpenings

    Sampling(**settings)  # a value out of its range is refused before the model is loaded
    model, tokenizer = load_run(run, device=device)
    sampling = replace(read_sampling(run_of(run)), **settings)
    note = KnownOpenings.load(run_of(run)).note(opening)
    for number in range(count):
        pieces = stream_text(
            model, tokenizer, opening, sampling=replace(sampling, seed=row_seed(sampling.seed, number))
        )
        if number:
            print("\n---\n")
        elif note:
            print(note, file=sys.stderr)
        say(opening, pieces)


def load_run(run: Path, *, device: str) -> "tuple[Decoder, Tokenizer]":
    """The model of a run, or of one checkpoint of it, on the device, and its tokenizer.

    Raises:
        StorytellerError: there is no trained model, or no such device.
    """
    from storyteller.runs.load import load_model
    from storyteller.utils.device import pick_device

    require_trained(run)
    return load_model(run, device=pick_device(device), notice=lambda text: print(text, file=sys.stderr))


def require_trained(run: Path) -> None:
    """Raise StorytellerError where a run has no checkpoint, with the way to one."""
    from storyteller.runs.load import run_of
    from storyteller.training.checkpoint import list_checkpoints

    if not list_checkpoints(run_of(run)):
        raise StorytellerError(f"There is no trained model in {run}; storyteller story makes one in runs/tiny.")


def say(opening: str, pieces: Iterable[str]) -> None:
    """Print the opening and then each piece of its continuation as soon as it comes."""
    if hasattr(sys.stdout, "reconfigure"):  # an old console that lacks a character must not end the story
        sys.stdout.reconfigure(errors="replace")
    print(opening.translate(CONTROL_CHARACTERS), end="", flush=True)
    for piece in pieces:
        print(piece.translate(CONTROL_CHARACTERS), end="", flush=True)
    print()
