"""Preparing corpora: read once, cleaned and encoded by as many processes as there are, into the shards of all splits.

    stories as they lie there      read here, in order
    -> mended, with fingerprints   `ChunkWork.clean`, in the workers
    -> kept or dropped             here, since each story is compared with those before it; its split is found
    -> token ids                   `ChunkWork.encode`, in the workers
    -> shards                      here, in order

What the workers do depends on no other story, and what is done here sees the stories in the order of the corpus, so the
bytes are the same however many workers there are.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Protocol, TypeVar

from storyteller.corpus.clean import Cleaning, CleaningReport, Mended, is_kept, mend_story
from storyteller.corpus.dedupe import Duplicates
from storyteller.corpus.load import counted, no_story, read_corpus, split_of
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards.writing import Progress, ShardWriter, document_bytes, training_text

T = TypeVar("T")

CHUNK_STORIES, CHUNK_CHARS = 256, 1 << 19  # that a worker gets at once, at most


@dataclass(frozen=True)
class ChunkWork:
    """What a worker does with a chunk of stories."""

    tokenizer: Tokenizer
    cleaning: Cleaning

    def clean(self, stories: Sequence[Story]) -> list[Mended]:
        """The stories, mended."""
        return [mend_story(story, self.cleaning) for story in stories]

    def encode(self, texts: Sequence[str | None]) -> list[bytes | None]:
        """The tokens of each text as the shards hold them; None for a text that is there already."""
        encoded = iter(document_bytes([text for text in texts if text is not None], self.tokenizer))
        return [None if text is None else next(encoded) for text in texts]


class Workers(Protocol):
    """Where chunks are worked on."""

    def map(self, method: str, chunks: Iterable[Any]) -> Iterator[Any]:
        """The results of this method of `ChunkWork`, in the order of the chunks; few of these are read ahead."""


@dataclass(frozen=True)
class InThisProcess:
    """The plain way: one chunk after the other."""

    work: ChunkWork

    def map(self, method: str, chunks: Iterable[Any]) -> Iterator[Any]:
        """As `Workers.map`."""
        return map(getattr(self.work, method), chunks)


class _Document(NamedTuple):
    splits: tuple[str, ...]  # that it belongs to: one, and "all" where that is wanted too
    text: str


class _Pass(NamedTuple):
    """A corpus that is read once, for one split or for several that it is divided into."""

    corpus: str
    splits: tuple[str, ...]
    stories: Iterator[Story]
    divided: bool
    clean: bool
    report: CleaningReport


def prepare_shards(
    corpora: Sequence[str],
    writers: Mapping[str, ShardWriter],
    workers: Workers,
    *,
    limits: Mapping[str, int | None] | None = None,
    prompts: bool = False,
    clean: bool = True,
    seed: int = 1,
    report: CleaningReport | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Progress]:
    """Read the corpora, one behind the other, and write the shards of some splits.

    A corpus whose files do not say their split is read once for all of them. Duplicates are looked for within what is
    read so: in the whole corpus, or in one split of a corpus that is divided as it lies there.

    Args:
        corpora: as `load_stories` takes them.
        writers: of each split, such as "train"; what is finished is left as it is.
        workers: where the stories are cleaned and encoded.
        limits: stories of a split in each corpus, at most; a split that is not there has no limit.
        prompts: put each story's prompt before it, see `training_text`.
        clean: mend the stories and drop what is none.
        seed: of storyworld.
        report: is filled in.
        on_progress: is called now and then, with all splits together.

    Returns:
        What the folder of each split holds.

    Raises:
        StorytellerError: as `load_stories` and `ShardWriter`. Splits that are complete are finished before.
    """
    report, limits = report if report is not None else CleaningReport(), limits or {}
    wanted = tuple(split for split, writer in writers.items() if not writer.finished)
    empty: dict[str, StorytellerError] = {}
    # All are opened before the first is read, so that a corpus that is not there is known at once.
    passes = [one for corpus in corpora for one in _passes(corpus, wanted, limits=limits, seed=seed)]

    def documents() -> Iterator[_Document]:
        for one in passes:
            yield from _documents(one, workers, limits=limits, prompts=prompts, clean=clean, empty=empty)
            report.add(one.report)

    waiting: deque[list[_Document]] = deque()  # chunks that are being encoded

    def texts() -> Iterator[list[str | None]]:
        position: Counter[str] = Counter()
        for chunk in chunks_of(documents()):
            waiting.append(chunk)
            to_encode: list[str | None] = []
            for document in chunk:
                position.update(document.splits)
                new = any(position[split] > writers[split].resumed for split in document.splits)
                to_encode.append(document.text if new else None)
            yield to_encode

    for encoded in workers.map("encode", texts()):
        for document, ids in zip(waiting.popleft(), encoded, strict=True):
            for split in document.splits:
                writers[split].add(document.text, ids)
        if on_progress:
            so_far = [writers[split].progress for split in wanted]
            on_progress(Progress(*(sum(figures) for figures in zip(*map(_figures, so_far), strict=True))))
    done = {split: writer.finish() for split, writer in writers.items() if split not in empty}
    if empty:
        raise next(iter(empty.values()))
    return done


def _figures(progress: Progress) -> tuple[int, int, int]:
    return progress.documents, progress.tokens, progress.resumed


def _passes(corpus: str, splits: tuple[str, ...], *, limits: Mapping[str, int | None], seed: int) -> Iterator[_Pass]:
    """How a corpus is read: once for all splits, or once for each where it is divided as it lies there."""
    for split in splits:
        report = CleaningReport()
        read = read_corpus(corpus, split=split, limit=limits.get(split), seed=seed, report=report)
        if not read.divided:
            yield _Pass(corpus, splits, read.stories, read.divided, read.clean, report)
            return
        yield _Pass(corpus, (split,), read.stories, read.divided, read.clean, report)


def _documents(
    one: _Pass,
    workers: Workers,
    *,
    limits: Mapping[str, int | None],
    prompts: bool,
    clean: bool,
    empty: dict[str, StorytellerError],
) -> Iterator[_Document]:
    """What is kept of a pass, with the splits that each story belongs to; `empty` learns of splits without one."""
    kept: Iterator[Story | Mended]
    if clean and not one.clean:
        duplicates = Duplicates()
        mended: Iterator[Mended] = chain.from_iterable(workers.map("clean", chunks_of(one.stories)))
        kept = (story for story in mended if is_kept(story, duplicates, one.report))
    else:
        kept = counted(one.stories, one.report)
    found: Counter[str] = Counter()
    missing = list(one.splits)  # that have not reached their limit
    for story in kept:
        own = split_of(story.text)
        splits = tuple(split for split in missing if one.divided or split in ("all", own))
        if splits:
            found.update(splits)
            yield _Document(splits, training_text(Story(story.text, story.prompt), prompts=prompts))
            missing = [split for split in missing if found[split] != limits.get(split)]
        if not missing:
            break
    for split in one.splits:
        if not found[split]:
            empty.setdefault(split, no_story(one.corpus, split, one.report))


def chunks_of(stories: Iterable[T]) -> Iterator[list[T]]:
    """Stories, or documents, in lists that are small enough to be sent to a worker."""
    chunk: list[T] = []
    size = 0
    for story in stories:
        chunk.append(story)
        size += len(story.text)  # type: ignore[attr-defined]
        if len(chunk) == CHUNK_STORIES or size >= CHUNK_CHARS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
