"""`storyteller preprocess`: a corpus, cleaned, as token shards.

    storyteller preprocess --corpus data/tinystories --tokenizer data/tokenizer.json --out data/shards

leaves `data/shards/train` and `data/shards/validation`, which `storyteller.training.token_shards.open_shards` reads.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller.cli.download import DATA
from storyteller.cli.tokenizer import CORPUS_HELP, TOKENIZER, default_corpora, read_corpora
from storyteller.corpus.load import EMBEDDED
from storyteller.corpus.local_files import SPLIT_NAMES
from storyteller.errors import StorytellerError

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller.tokenizer import Tokenizer


def preprocess(
    corpus: Annotated[
        list[str] | None,
        typer.Option(help=CORPUS_HELP),
    ] = None,
    tokenizer: Annotated[Path, typer.Option(help="the tokenizer's file")] = TOKENIZER,
    out: Annotated[Path, typer.Option(help="folder for the shards; each split gets one of its own in it")] = DATA
    / "shards",
    split: Annotated[list[str], typer.Option(help=f"one or more of {', '.join(SPLIT_NAMES)}")] = [  # noqa: B006
        "train",
        "validation",
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="stories of each split and corpus at most")] = None,
    prompts: Annotated[bool, typer.Option(help="put each story's prompt before it")] = False,
    clean: Annotated[bool, typer.Option(help="mend the texts and drop what is no story")] = True,
    seed: Annotated[int, typer.Option(help=f"of {EMBEDDED}")] = 1,
) -> None:
    """Clean a corpus and write it as token shards; the same command goes on where it was stopped."""
    from rich.console import Console

    from storyteller.cli.tokenizer import tokenizer as learn
    from storyteller.tokenizer import Tokenizer

    console = Console()
    corpora = corpus or default_corpora()
    if not tokenizer.exists():  # the default one is made first
        if tokenizer != TOKENIZER:
            raise StorytellerError(
                f"There is no tokenizer {tokenizer}; make it with storyteller tokenizer --out {tokenizer}."
            )
        learn(corpus=corpora, seed=seed, clean=clean)
    learned = Tokenizer.load(tokenizer)
    try:
        for name in split:
            console.print(f"{name} stories of {' and '.join(corpora)}:", highlight=False, soft_wrap=True)
            _write_split(
                corpora,
                learned,
                out / name,
                split=name,
                limit=limit,
                prompts=prompts,
                clean=clean,
                seed=seed,
                console=console,
            )
    except KeyboardInterrupt:
        raise StorytellerError(
            f"stopped; complete shards are kept in {out}, and the same command goes on from there."
        ) from None


def _write_split(
    corpora: list[str],
    tokenizer: "Tokenizer",
    folder: Path,
    *,
    split: str,
    limit: int | None,
    prompts: bool,
    clean: bool,
    seed: int,
    console: "Console",
) -> None:
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    from storyteller.corpus.clean import Cleaning, CleaningReport
    from storyteller.training.token_shards import Progress, write_shards

    report = CleaningReport()
    source = {
        "corpus": list(corpora),
        "split": split,
        "limit": limit,
        "seed": seed,
        "cleaning": asdict(Cleaning()) if clean else None,
    }
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reading")

        def show(done: Progress) -> None:
            bar.update(task, description=f"{done.documents:,} stories, {done.tokens:,} tokens")

        stories = read_corpora(corpora, split=split, limit=limit, seed=seed, clean=clean, report=report)
        done = write_shards(stories, tokenizer, folder, prompts=prompts, source=source, on_progress=show)
    if report.read:
        console.print(str(report), highlight=False, markup=False, soft_wrap=True)
    earlier = f", {done.resumed:,} of them by an earlier run" if done.resumed else ""
    console.print(
        f"{folder}: {done.documents:,} stories{earlier}, {done.tokens:,} tokens", highlight=False, soft_wrap=True
    )
