"""`storyteller tokenizer`: learn a vocabulary from a corpus.

storyteller tokenizer --corpus data/tinystories --vocab-size 4096 --out data/tokenizer.json
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.download import DATA
from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.corpus.load import CORPUS_NAMES, EMBEDDED, load_stories
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError

TOKENIZER = DATA / "tokenizer.json"

CORPUS_HELP = f"{CORPUS_NAMES}, or paths; default: what download left, or {EMBEDDED}"


def tokenizer(
    corpus: Annotated[
        list[str] | None,
        typer.Option(help=CORPUS_HELP),
    ] = None,
    vocab_size: Annotated[int, typer.Option(help="tokens in the vocabulary")] = 2048,
    out: Annotated[Path, typer.Option(help="the tokenizer's file")] = TOKENIZER,
    limit: Annotated[int, typer.Option(min=1, help="stories to learn from, of each corpus")] = 10_000,
    seed: Annotated[int, typer.Option(help=f"of {EMBEDDED}")] = 1,
    clean: Annotated[bool, typer.Option(help="mend the texts first and drop what is no story")] = True,
) -> None:
    """Learn a vocabulary from the stories of a corpus."""
    from rich.console import Console

    from storyteller.tokenizer import Tokenizer
    from storyteller.utils.atomic_io import writing

    console = Console()
    corpora = corpus or default_corpora()
    report = CleaningReport()
    stories = read_corpora(corpora, split="train", limit=limit, seed=seed, clean=clean, report=report)
    console.print(f"Learning {vocab_size:,} tokens from {' and '.join(corpora)} ...", highlight=False, soft_wrap=True)
    try:
        with console.status("reading stories"):
            learned = Tokenizer.train((story.text for story in stories), vocab_size=vocab_size)
    except KeyboardInterrupt:
        raise StorytellerError("stopped; nothing was written, and the same command begins again.") from None
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        learned.save(out)
    console.print(
        f"{out}: {learned.vocab_size:,} tokens from {report.kept:,} stories ({learned.fingerprint[:12]})",
        highlight=False,
        soft_wrap=True,
    )


def default_corpora(data: Path = DATA) -> list[str]:
    """What `storyteller download` has left in `data`, or else the embedded corpus."""
    downloaded = [(data / name).as_posix() for name in HUB_CORPORA if any((data / name).glob("train-*.jsonl"))]
    return downloaded or [EMBEDDED]


def read_corpora(
    corpora: Sequence[str], *, split: str, limit: int | None, seed: int, clean: bool, report: CleaningReport
) -> Iterator[Story]:
    """The stories of several corpora, one corpus after the other; `limit` holds for each.

    Raises:
        StorytellerError: one of them cannot be read; at once where it does not exist.
    """
    return itertools.chain.from_iterable(
        [load_stories(corpus, split=split, limit=limit, seed=seed, clean=clean, report=report) for corpus in corpora]
    )
