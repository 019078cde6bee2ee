"""`storyteller tokenizer`: learn a vocabulary from a corpus.

storyteller tokenizer --corpus data/tinystories --vocab-size 4096 --out data/tokenizer.json
"""

from pathlib import Path
from typing import Annotated

import typer

from storyteller.cli.shared.default_corpora import CORPUS_HELP, TOKENIZER
from storyteller.corpus.load import EMBEDDED
from storyteller.errors import StorytellerError


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

    from storyteller.cli.shared.default_corpora import default_corpora, read_corpora
    from storyteller.corpus.clean import CleaningReport
    from storyteller.tokenizer import Tokenizer
    from storyteller.utils.atomic_io import writing

    console = Console()
    corpora = corpus or default_corpora()
    console.print(f"Learning {vocab_size:,} tokens from {' and '.join(corpora)} ...", highlight=False, soft_wrap=True)
    report = CleaningReport()
    stories = read_corpora(corpora, split="train", limit=limit, seed=seed, clean=clean, report=report)
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
