"""Writing shards: a stream of stories to files, which may be killed and goes on."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards.index import FORMAT, INDEX, UNFINISHED, Shard, read_index, shards_of, verify
from storyteller.utils.atomic_io import replacing, write_json

SHARD_TOKENS = 1 << 24  # 16.8 million tokens, 32 MB: what a killed run has to do again at most
_BATCH = 64  # stories encoded together


@dataclass(frozen=True)
class Progress:
    """What has been written so far, as `write_shards` reports it."""

    documents: int
    tokens: int
    resumed: int  # documents that an earlier run had written


def training_text(story: Story, *, prompts: bool = False) -> str:
    """What the model learns to write: the story, or the prompt on one line, a blank line and the story.

    >>> training_text(Story("Tom ran.", prompt="A race"), prompts=True)
    'A race\\n\\nTom ran.'
    """
    return f"{' '.join(story.prompt.split())}\n\n{story.text}" if prompts and story.prompt else story.text


def write_shards(
    stories: Iterable[Story],
    tokenizer: Tokenizer,
    folder: str | Path,
    *,
    shard_tokens: int = SHARD_TOKENS,
    prompts: bool = False,
    source: Mapping[str, Any] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Encode the stories and write them as shards, as a stream: memory does not grow with the corpus.

    Called again with the same arguments after a kill, it goes on: the stories are read again (their texts are checked
    against what was written), those in complete shards are not encoded again. A finished folder is left as it is.
    A special token spelt out in a story is encoded as ordinary text; it never becomes the token.

    Args:
        stories: read once, in order; the same stories in the same order when it is called again.
        tokenizer: encodes them and gives the end token.
        folder: is made where it does not exist.
        shard_tokens: a shard is closed by the document that brings it to this many tokens.
        prompts: put each story's prompt before it, see `training_text`.
        source: what the stories are (corpus, split, cleaning), as plain JSON data. Kept in the index.
        on_progress: is called now and then.

    Returns:
        What the folder holds.

    Raises:
        StorytellerError: the folder holds shards of other stories, settings or tokenizer, or damaged ones; there is no
            story; the disk is full.
    """
    folder = Path(folder)
    head = _head(tokenizer, shard_tokens=shard_tokens, prompts=prompts, source=source)
    if (folder / INDEX).exists():
        index = read_index(folder / INDEX)
        _refuse_other(index, head, folder)
        (folder / UNFINISHED).unlink(missing_ok=True)  # of a run that was killed in its last moment
        return _total(shards_of(index, folder))
    done = _resume(folder, head)
    texts = (training_text(story, prompts=prompts) for story in stories)
    for shard in done:
        _skip(texts, shard, folder)
    start = _total(done)
    while new := _write_shard(texts, tokenizer, folder, head, done, start.documents, on_progress):
        done.append(new)
        write_json(folder / UNFINISHED, head | {"shards": [asdict(shard) for shard in done]})
    if not done:
        raise StorytellerError(f"There is no story to write into {folder}; the corpus is empty.")
    write_json(folder / INDEX, head | {"shards": [asdict(shard) for shard in done]})
    (folder / UNFINISHED).unlink(missing_ok=True)
    return Progress(_total(done).documents, _total(done).tokens, start.documents)


def _head(
    tokenizer: Tokenizer, *, shard_tokens: int, prompts: bool, source: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The part of the index that does not depend on the stories."""
    return {
        "format": FORMAT,
        "tokenizer": tokenizer.fingerprint,
        "vocab_size": tokenizer.vocab_size,
        "end_id": tokenizer.end_id,
        "dtype": "uint16" if tokenizer.vocab_size <= 1 << 16 else "uint32",
        "shard_tokens": shard_tokens,
        "prompts": prompts,
        "source": dict(source or {}),
    }


def _resume(folder: Path, head: Mapping[str, Any]) -> list[Shard]:
    """The complete shards that an earlier run has left."""
    if not (folder / UNFINISHED).exists():
        return []
    index = read_index(folder / UNFINISHED)
    _refuse_other(index, head, folder)
    shards = shards_of(index, folder)
    for shard in shards:
        verify(folder, shard, np.dtype(head["dtype"]).itemsize)
    return shards


def _refuse_other(index: Mapping[str, Any], head: Mapping[str, Any], folder: Path) -> None:
    """Do not mix shards of two tokenizers, corpora or settings in one folder."""
    different = [name for name in head if index.get(name) != head[name]]
    if "tokenizer" in different:
        raise StorytellerError(f"{folder} holds shards made with another tokenizer; name another folder or delete it.")
    if different:
        was = ", ".join(f"{name} {index.get(name)!r} (now {head[name]!r})" for name in different)
        raise StorytellerError(f"{folder} holds shards of another run: {was}; name another folder or delete it.")


def _skip(texts: Iterator[str], shard: Shard, folder: Path) -> None:
    """Read the stories of a complete shard again, and see that they are the same."""
    digest = hashlib.sha256()
    for text in itertools.islice(texts, shard.documents):
        _add_text(digest, text)
    if digest.hexdigest() != shard.stories_sha256:
        raise StorytellerError(
            f"The stories are not those that {folder} was begun with ({shard.name}); delete the folder to begin again."
        )


def _write_shard(
    texts: Iterator[str],
    tokenizer: Tokenizer,
    folder: Path,
    head: Mapping[str, Any],
    done: list[Shard],
    resumed: int,
    on_progress: Callable[[Progress], None] | None,
) -> Shard | None:
    """Write the next shard; None where no story is left."""
    first = next(texts, None)
    if first is None:
        return None
    texts_left = itertools.chain([first], texts)
    name, before = f"shard-{len(done):05d}", _total(done)
    stories_digest = hashlib.sha256()
    with replacing(folder / f"{name}.bin") as tokens_file, replacing(folder / f"{name}.ends") as ends_file:
        tokens, ends = _Sink(tokens_file, head["dtype"]), _Sink(ends_file, "uint64")
        while tokens.count < head["shard_tokens"] and (
            batch := _batch(texts_left, head["shard_tokens"] - tokens.count)
        ):
            for text, ids in zip(batch, tokenizer.encode_batch(batch, special="escape"), strict=True):
                _add_text(stories_digest, text)
                tokens.write([*ids, tokenizer.end_id])
                ends.write([tokens.count])
            if on_progress:
                on_progress(Progress(before.documents + ends.count, before.tokens + tokens.count, resumed))
    return Shard(
        name, tokens.count, ends.count, tokens.digest.hexdigest(), ends.digest.hexdigest(), stories_digest.hexdigest()
    )


def _batch(texts: Iterator[str], room: int) -> list[str]:
    """The next stories to encode together: none but the last can fill the shard; none at all where it is full.

    A token is at least one byte, so stories of less than `room` bytes, end tokens counted, cannot close the shard.
    """
    batch: list[str] = []
    for text in texts if room > 0 else ():
        batch.append(text)
        room -= len(text.encode("utf-8", "surrogatepass")) + 1
        if room <= 0 or len(batch) == _BATCH:
            break
    return batch


class _Sink:
    """Numbers into a file, with a count and a checksum."""

    def __init__(self, file: IO[bytes], dtype: str):
        self._file, self._dtype = file, np.dtype(dtype).newbyteorder("<")
        self.count, self.digest = 0, hashlib.sha256()

    def write(self, numbers: list[int]) -> None:
        data = np.array(numbers, dtype=self._dtype).tobytes()
        self._file.write(data)
        self.digest.update(data)
        self.count += len(numbers)


def _add_text(digest: "hashlib._Hash", text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little") + data)


def _total(shards: list[Shard]) -> Progress:
    documents = sum(shard.documents for shard in shards)
    return Progress(documents, sum(shard.tokens for shard in shards), documents)
