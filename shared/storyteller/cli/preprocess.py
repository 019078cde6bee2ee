"""`storyteller preprocess`: a corpus, cleaned, as token shards.

    storyteller preprocess --corpus data/tinystories --tokenizer data/tokenizer.json --out data/shards

leaves `data/shards/train` and `data/shards/validation`, which `storyteller.training.token_shards.open_shards` reads.
"""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.download import DATA
from storyteller.cli.tokenizer import CORPUS_HELP, TOKENIZER, default_corpora
from storyteller.corpus.load import EMBEDDED
from storyteller.corpus.local_files import SPLIT_NAMES
from storyteller.errors import StorytellerError


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
    workers: Annotated[int | None, typer.Option(min=1, help="processes on this machine  [one a core]")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="use the workers of a Dask scheduler, such as tcp://10.0.0.5:8786")
    ] = None,
) -> None:
    """Clean a corpus and write it as token shards; the same command goes on where it was stopped.

    What is written is the same whatever the number of workers, and whichever are used.
    """
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    from storyteller.cli.tokenizer import tokenizer as learn
    from storyteller.corpus.clean import Cleaning, CleaningReport
    from storyteller.distributed.data_workers import data_workers
    from storyteller.tokenizer import Tokenizer
    from storyteller.training.token_shards import ShardWriter
    from storyteller.training.token_shards.preparing import ChunkWork, prepare_shards

    if workers is not None and scheduler is not None:
        raise StorytellerError("--workers is for this machine and --scheduler for Dask's: give one of them.")
    console = Console()
    corpora = corpus or default_corpora()
    if not tokenizer.exists():  # the default one is made first
        if tokenizer != TOKENIZER:
            raise StorytellerError(
                f"There is no tokenizer {tokenizer}; make it with storyteller tokenizer --out {tokenizer}."
            )
        learn(corpus=corpora, seed=seed, clean=clean)
    work = ChunkWork(Tokenizer.load(tokenizer), Cleaning())
    report = CleaningReport()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console.print(f"{' and '.join(split)} stories of {' and '.join(corpora)}:", highlight=False, soft_wrap=True)
    try:
        with ExitStack() as opened:
            writers = {}
            for name in dict.fromkeys(split):
                source = {
                    "corpus": list(corpora),
                    "split": name,
                    "limit": limit,
                    "seed": seed,
                    "cleaning": asdict(work.cleaning) if clean else None,
                }
                writer = ShardWriter(out / name, work.tokenizer, prompts=prompts, source=source)
                writers[name] = opened.enter_context(writer)
            doing = opened.enter_context(data_workers(work, workers=workers, scheduler=scheduler))
            bar = opened.enter_context(Bar(*columns, console=console, disable=not console.is_terminal, transient=True))
            task = bar.add_task("reading")
            done = prepare_shards(
                corpora,
                writers,
                doing,
                limits=dict.fromkeys(writers, limit),
                prompts=prompts,
                clean=clean,
                seed=seed,
                report=report,
                on_progress=lambda so_far: bar.update(
                    task, description=f"{so_far.documents:,} stories, {so_far.tokens:,} tokens"
                ),
            )
    except KeyboardInterrupt:
        raise StorytellerError(
            f"stopped; complete shards are kept in {out}, and the same command goes on from there."
        ) from None
    if report.read:
        console.print(str(report), highlight=False, markup=False, soft_wrap=True)
    for name, progress in done.items():
        earlier = f", {progress.resumed:,} of them by an earlier run" if progress.resumed else ""
        console.print(
            f"{out / name}: {progress.documents:,} stories{earlier}, {progress.tokens:,} tokens",
            highlight=False,
            soft_wrap=True,
        )
