"""What `storyteller tokenizer` and `storyteller preprocess` share: the corpora that they read."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.corpus.load import CORPUS_NAMES, EMBEDDED, load_stories
from storyteller.corpus.story import Story

DATA = Path("data")  # where `storyteller download` puts what it fetches
TOKENIZER = DATA / "tokenizer.json"

CORPUS_HELP = f"{CORPUS_NAMES}, or paths; default: what download left, or {EMBEDDED}"


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
