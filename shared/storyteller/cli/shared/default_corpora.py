"""What `storyteller tokenizer` and `storyteller preprocess` share: which corpora they read when none is named."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.corpus.load import EMBEDDED, load_stories
from storyteller.corpus.story import Story

DATA = Path("data")  # where `storyteller download` puts what it fetches
TOKENIZER = DATA / "tokenizer.json"


def default_corpora(data: Path = DATA) -> list[str]:
    """What `storyteller download` has left in `data`, or else the embedded corpus."""
    there = [(data / name).as_posix() for name in HUB_CORPORA if any((data / name).glob("train-*.jsonl"))]
    return there or [EMBEDDED]


def read_corpora(
    corpora: Sequence[str], *, split: str, limit: int | None, seed: int, clean: bool, report: CleaningReport
) -> Iterator[Story]:
    """The stories of several corpora, one corpus behind the other; `limit` holds for each.

    Raises:
        StorytellerError: one of them cannot be read; at once where it does not exist.
    """
    return itertools.chain.from_iterable(
        [load_stories(corpus, split=split, limit=limit, seed=seed, clean=clean, report=report) for corpus in corpora]
    )
