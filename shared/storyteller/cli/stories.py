"""`storyteller stories`: tell stories of the embedded corpus, into a file or onto the screen.

storyteller stories --count 20000 --seed 7 --out stories.jsonl
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import replacing


def stories(
    count: Annotated[int, typer.Option(min=1, help="How many stories.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed, other stories.")] = 1,
    split: Annotated[str, typer.Option(help="train, validation or test; no story is in two of them.")] = "train",
    out: Annotated[
        Path | None, typer.Option(help="A file for one JSON object a line: text, prompt, genre, facts.")
    ] = None,
) -> None:
    """Tell stories of StoryWorld, the corpus that comes with the package."""
    from storyteller.corpus import Story
    from storyteller.storyworld import generate

    generated: Iterable[Story] = generate(count, seed=seed, split=split)
    if out is None:
        for story in generated:
            print(f"[{story.genre}] {story.prompt}\n\n{story.text}\n")
        return
    fields = ("text", "prompt", "genre", "facts")
    lines = (json.dumps({f: getattr(story, f) for f in fields}, ensure_ascii=False) for story in generated)
    write_lines(out, lines)
    print(f"{count:,} stories written to {out}.")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file aside and rename it at the end, so that an older file is kept if anything goes wrong.

    Raises:
        StorytellerError: the folder does not exist or cannot be written to, or the disk is full.
    """
    if path.is_dir():
        raise StorytellerError(f"{path} is a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise StorytellerError(f"There is no folder {path.parent} to write {path.name} to; make it first.")
    with replacing(path) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
