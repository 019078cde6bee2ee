"""Every corpus of stories by its name or path.

    for story in load_stories("storyworld", limit=3):
        print(story.text)

`storyworld` is generated and needs nothing. `storyworld:everyday+fable` takes some of its genres only, and
`storyworld-small` is generated from a small world, in which few characters come again and again; `storyworld-tales`
has tales in short sentences, of which no two are told alike, from a world of middle size, and
`storyworld-tales-small` the tales that a tiny model learns in three minutes. `tinystories` and the other names of
`HUB_CORPORA` come from the Hugging Face hub; anything else is the path of a file or folder.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from storyteller.corpus import clean as cleaning
from storyteller.corpus.clean import Cleaning, CleaningReport
from storyteller.corpus.huggingface import HUB_CORPORA, HubStream
from storyteller.corpus.local_files import SPLIT_NAMES, read_path
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError

Split = Literal["train", "validation", "test", "all"]

EMBEDDED = "storyworld"  # generated, not read
EMBEDDED_WORLDS = (
    EMBEDDED,
    "storyworld-small",
    "storyworld-tales",
    "storyworld-tales-small",
)  # the keys of `storyworld.generate.WORLDS`
CORPUS_NAMES = ", ".join([*EMBEDDED_WORLDS, *HUB_CORPORA])  # for help texts and messages
# storyworld has no end of its own; this is where it stops when no limit is given.
STORYWORLD_STORIES = {"train": 60_000, "validation": 2_000, "test": 2_000, "all": 60_000}
HELD_OUT_SHARE = 0.05  # share of an undivided corpus that goes to validation, and again to test


def load_stories(
    corpus: str | Path,
    *,
    split: str = "train",
    limit: int | None = None,
    seed: int = 1,
    clean: bool = True,
    settings: Cleaning | None = None,
    report: CleaningReport | None = None,
) -> Iterator[Story]:
    """The stories of a corpus, one at a time, in an order that is always the same.

    A local corpus whose files' names do not say their split (as `train-00000.jsonl` does) is divided here by a hash of
    the story's text: 90 % train, 5 % validation, 5 % test. `"all"` gives everything. Duplicates are removed before
    that, so that no copy of a training story is held out.

    Nothing is read before the first story is asked for, except that a missing file, an unknown corpus or a hub that
    cannot be reached is reported at once.

    Args:
        corpus: `"storyworld"`, `"storyworld-small"`, `"storyworld-tales"` or `"storyworld-tales-small"` (with
            `":GENRE+GENRE"` behind it for some genres), a name of `HUB_CORPORA` such as `"tinystories"`, or the path of
            a file (txt, see `text_files`, jsonl, csv, parquet, a `.wp_source`/`.wp_target` pair) or of a
            folder of such files.
        split: `"train"`, `"validation"`, `"test"` or, for local files, `"all"`.
        limit: most stories to give; None gives all (of storyworld, which has no end, 60,000 or 2,000).
        seed: of storyworld.
        clean: mend the texts and drop what is no story, see `storyteller.corpus.clean`. StoryWorld is clean as made.
        settings: of cleaning.
        report: is filled in while the stories are read.

    Raises:
        StorytellerError: the corpus or split does not exist, cannot be reached, or cannot be read as stories; the
            latter while iterating.
    """
    report = report if report is not None else CleaningReport()
    read = read_corpus(corpus, split=split, limit=limit, seed=seed, report=report)
    if clean and not read.clean:
        stories = cleaning.clean(read.stories, settings=settings, report=report)
    else:
        stories = counted(read.stories, report)
    if not read.divided and split != "all":
        stories = (story for story in stories if split_of(story.text) == split)
    return _not_empty(itertools.islice(stories, limit), corpus, split, report)


class CorpusStories(NamedTuple):
    """The stories of a corpus as they lie there."""

    stories: Iterator[Story]
    divided: bool  # they are those of one split; otherwise all of them, which `split_of` divides
    clean: bool  # they were made, and there is nothing to clean


def read_corpus(
    corpus: str | Path, *, split: str, limit: int | None, seed: int, report: CleaningReport
) -> CorpusStories:
    """The stories of a corpus before they are cleaned, counted and divided; arguments and errors as `load_stories`."""
    if split not in (*SPLIT_NAMES, "all"):
        raise StorytellerError(f"There is no split {split!r}; choose one of {', '.join(SPLIT_NAMES)} or all.")
    if limit is not None and limit < 1:
        raise StorytellerError(f"limit is {limit}; it must be 1 or more, or be left out to read all.")
    if isinstance(corpus, str) and corpus.partition(":")[0] in EMBEDDED_WORLDS:
        return CorpusStories(_storyworld(corpus, split, limit, seed), divided=True, clean=True)
    if not str(corpus).strip():
        raise StorytellerError(f"The corpus has no name; choose {CORPUS_NAMES}, or give the path of a file or folder.")
    if isinstance(corpus, str) and corpus in HUB_CORPORA:
        hub_corpus = HUB_CORPORA[corpus]
        if split not in hub_corpus.rows:
            raise StorytellerError(f"{corpus} has no split {split!r}; it has {', '.join(hub_corpus.rows)}.")
        return CorpusStories(iter(HubStream(hub_corpus.repository, split=split)), divided=True, clean=False)
    path = Path(corpus)
    # A bare word that is no file is more likely a corpus misspelled than a path.
    if not path.exists() and isinstance(corpus, str) and path.name == corpus and not path.suffix:
        raise StorytellerError(
            f"There is no corpus {corpus!r}; choose {CORPUS_NAMES}, or give the path of a file or folder."
        )
    stories, divided = read_path(path, split=split, report=report)
    return CorpusStories(stories, divided=divided, clean=False)


def split_of(text: str) -> Split:
    """The split that a story of an undivided corpus belongs to; equal texts belong to the same.

    >>> split_of("Once upon a time there was a fox.")
    'train'
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    uniform = int.from_bytes(digest, "little") / 2**64  # in [0, 1)
    if uniform < HELD_OUT_SHARE:
        return "validation"
    return "test" if uniform < 2 * HELD_OUT_SHARE else "train"


def _storyworld(corpus: str, split: str, limit: int | None, seed: int) -> Iterator[Story]:
    from storyteller.storyworld.generate import generate

    world, _, names = corpus.partition(":")
    genres = [genre for genre in names.split("+") if genre]
    wanted = "train" if split == "all" else split
    count = limit or STORYWORLD_STORIES[split]
    return generate(count, seed=seed, split=wanted, only=genres, world=world)


def counted(stories: Iterable[Story], report: CleaningReport) -> Iterator[Story]:
    """Stories that are kept as they are."""
    for story in stories:
        report.read += 1
        report.kept += 1
        yield story


def _not_empty(stories: Iterator[Story], corpus: str | Path, split: str, report: CleaningReport) -> Iterator[Story]:
    first = next(stories, None)
    if first is None:
        raise no_story(corpus, split, report)
    yield first
    yield from stories


def no_story(corpus: str | Path, split: str, report: CleaningReport) -> StorytellerError:
    """The error of a split without a story, because nothing can be learned from it."""
    if report.kept:  # none of them fell to this split
        return StorytellerError(
            f"{corpus} has {report.kept:,} {'story' if report.kept == 1 else 'stories'}, too few to hold any out "
            f"for {split}: give more, or a folder with the files train.txt and valid.txt."
        )
    why = ", ".join(f"{n:,} {reason}" for reason, n in report.dropped.items()) or "nothing was dropped"
    return StorytellerError(
        f"{corpus} gives no story for the split {split!r}: {report.read:,} read, {why}; give it longer or other "
        "texts, or try another split."
    )
