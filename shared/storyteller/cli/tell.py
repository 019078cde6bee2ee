"""`storyteller tell`: continue an opening with a trained model, token by token."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.shared.load_run import trained_model
from storyteller.errors import StorytellerError

# A byte-level model can write any byte, and a terminal obeys some: all control characters but tab and line break.
CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}


def tell(
    opening: Annotated[str, typer.Argument(help="how the story begins; nothing leaves that to the model")] = "",
    run: Annotated[Path, typer.Option(help="the folder of a trained run")] = Path("runs/tiny"),
    temperature: Annotated[float, typer.Option(help="above 0; lower is tamer, higher is wilder")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="choose among the k likeliest tokens")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="among the likeliest that together reach this probability")
    ] = None,
    min_p: Annotated[float | None, typer.Option(help="among those this share as likely as the likeliest")] = None,
    repetition_penalty: Annotated[float, typer.Option(help="above 1 discourages what was already said")] = 1.0,
    seed: Annotated[int, typer.Option(help="another seed tells another story")] = 1,
    max_new_tokens: Annotated[int, typer.Option(help="cut the story here if it has not ended")] = 400,
    greedy: Annotated[bool, typer.Option("--greedy", help="always take the likeliest token; nothing is drawn")] = False,
    count: Annotated[int, typer.Option(help="stories to tell, with the seeds that follow each other")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
) -> None:
    """Tell a story that begins with the opening, token by token."""
    from dataclasses import replace

    from storyteller.inference.generate import Sampling, stream_text

    if count < 1:
        raise StorytellerError(f"count is {count}; it must be 1 or more.")
    sampling = Sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        max_new_tokens=max_new_tokens,
        seed=seed,
        greedy=greedy,
    )
    model, tokenizer = trained_model(run, device=device)
    for number in range(count):
        pieces = stream_text(model, tokenizer, opening, sampling=replace(sampling, seed=seed + number))
        if number:
            print("\n---\n")
        say(opening, pieces)


def say(opening: str, pieces: Iterable[str]) -> None:
    """Print the opening and then each piece of its continuation as soon as it comes."""
    if hasattr(sys.stdout, "reconfigure"):  # an old console that lacks a character must not end the story
        sys.stdout.reconfigure(errors="replace")
    print(opening.translate(CONTROL), end="", flush=True)
    for piece in pieces:
        print(piece.translate(CONTROL), end="", flush=True)
    print()
