"""Token shards: a corpus as token ids on disk, read through a memory map.

    folder/
        index.json        written last: tokenizer, source, and each shard's name, tokens, documents and checksums
        shard-00000.bin   the ids, one document behind the other, little-endian uint16 (uint32 from 65,537 ids on)
        shard-00000.ends  where each document of the shard ends, little-endian uint64, counted from the shard's start

A document is the tokens of a story and the end token. No document is divided between shards. While the shards are being
written, `unfinished.json` stands in for the index, renewed after each shard: a run that was killed goes on behind the
last complete shard, and the folder it leaves is equal, byte for byte, to that of a run without a break.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from storyteller.bpe import Tokenizer
from storyteller.disk import replacing, write_json
from storyteller.errors import StorytellerError
from storyteller.stories.story import Story

INDEX, UNFINISHED = "index.json", "unfinished.json"
FORMAT = 1  # of the files; raised when their layout changes
SHARD_TOKENS = 1 << 24  # 16.8 million tokens, 32 MB: what a killed run has to do again at most
_BATCH = 64  # stories encoded together


@dataclass(frozen=True)
class Shard:
    """One line of the index."""

    name: str
    tokens: int
    documents: int
    sha256: str  # of NAME.bin
    ends_sha256: str  # of NAME.ends
    stories_sha256: str  # of the texts it was made from, to notice a corpus that has changed


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
        index = _read_index(folder / INDEX)
        _refuse_other(index, head, folder)
        (folder / UNFINISHED).unlink(missing_ok=True)  # of a run that was killed in its last moment
        return _total(_shards_of(index, folder))
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
    index = _read_index(folder / UNFINISHED)
    _refuse_other(index, head, folder)
    shards = _shards_of(index, folder)
    for shard in shards:
        _verify(folder, shard, np.dtype(head["dtype"]).itemsize)
    return shards


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


# --- reading ------------------------------------------------------------------------------------------------------


def open_shards(folder: str | Path, tokenizer: Tokenizer) -> "TokenShards":
    """Open a folder that `write_shards` has finished. Every byte is checked against the index, as a stream.

    Raises:
        StorytellerError: there are no shards, they are unfinished or damaged, or another tokenizer made them.
    """
    folder = Path(folder)
    if not (folder / INDEX).exists():
        state = "unfinished" if (folder / UNFINISHED).exists() else "missing"
        raise StorytellerError(f"The token shards in {folder} are {state}; run storyteller preprocess --out {folder}.")
    index = _read_index(folder / INDEX)
    if index.get("tokenizer") != tokenizer.fingerprint:
        raise StorytellerError(
            f"The token shards in {folder} were made with another tokenizer ({str(index.get('tokenizer'))[:12]}, this "
            f"one is {tokenizer.fingerprint[:12]}); use that one, or preprocess again into another folder."
        )
    shards = _shards_of(index, folder)
    dtype = np.dtype(index["dtype"]).newbyteorder("<")
    for shard in shards:
        _verify(folder, shard, dtype.itemsize)
    return TokenShards(folder, shards, dtype)


class TokenShards:
    """The documents of a folder as one long row of token ids. Open it with `open_shards`.

    Nothing but the document boundaries is held in memory; ids are read from the disk where they are asked for.
    Use it in a `with` statement, or `close` it, before its files are deleted on Windows.

    Attributes:
        boundaries: where each document starts, and the end of the last: int64, (n_documents + 1,).
    """

    def __init__(self, folder: Path, shards: list[Shard], dtype: np.dtype):
        self._maps = [np.memmap(folder / f"{shard.name}.bin", dtype=dtype, mode="r") for shard in shards]
        self._starts = np.cumsum([0, *(shard.tokens for shard in shards)])  # (shards + 1,)
        ends = [np.fromfile(folder / f"{shard.name}.ends", dtype="<u8").astype(np.int64) for shard in shards]
        self.boundaries = np.concatenate([[0], *(e + s for e, s in zip(ends, self._starts, strict=False))]).astype(
            np.int64
        )

    def __len__(self) -> int:
        """Tokens in all, end tokens counted."""
        return int(self._starts[-1])

    @property
    def n_documents(self) -> int:
        """Stories in all."""
        return len(self.boundaries) - 1

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """The ids from `start` up to, not including, `stop`: a copy, (stop - start,), uint16 or uint32.

        Raises:
            IndexError: the span is not within the tokens.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"The span {start}:{stop} is not within 0:{len(self)}.")
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        pieces = []
        while first < len(self._maps) and self._starts[first] < stop:
            offset = self._starts[first]
            pieces.append(self._maps[first][max(start - offset, 0) : stop - offset])
            first += 1
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=self._maps[0].dtype)

    def document(self, i: int) -> np.ndarray:
        """The ids of document `i`, its end token last."""
        if not 0 <= i < self.n_documents:
            raise IndexError(f"There is no document {i}; there are {self.n_documents}.")
        return self.tokens(int(self.boundaries[i]), int(self.boundaries[i + 1]))

    def close(self) -> None:
        """Let go of the files."""
        for mapped in self._maps:
            mapped._mmap.close()  # type: ignore[attr-defined]  # numpy offers no public way
        self._maps = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise StorytellerError(
                f"{path} has the format {index['format']}, this version reads {FORMAT}; preprocess into another folder."
            )
        return dict(index)
    except (ValueError, KeyError, TypeError):
        raise _damaged(path, "it cannot be read") from None


def _shards_of(index: Mapping[str, Any], folder: Path) -> list[Shard]:
    try:
        return [Shard(**values) for values in index["shards"]]
    except (KeyError, TypeError):
        raise _damaged(folder / INDEX, "it lacks fields") from None


def _refuse_other(index: Mapping[str, Any], head: Mapping[str, Any], folder: Path) -> None:
    """Do not mix shards of two tokenizers, corpora or settings in one folder."""
    different = [name for name in head if index.get(name) != head[name]]
    if "tokenizer" in different:
        raise StorytellerError(f"{folder} holds shards made with another tokenizer; name another folder or delete it.")
    if different:
        was = ", ".join(f"{name} {index.get(name)!r} (now {head[name]!r})" for name in different)
        raise StorytellerError(f"{folder} holds shards of another run: {was}; name another folder or delete it.")


def _verify(folder: Path, shard: Shard, width: int) -> None:
    """Compare a shard's files with the index.

    Raises:
        StorytellerError: a file is missing, too short or too long, or has other bytes.
    """
    for suffix, size, wanted in (
        (".bin", shard.tokens * width, shard.sha256),
        (".ends", shard.documents * 8, shard.ends_sha256),
    ):
        path = folder / f"{shard.name}{suffix}"
        if not path.is_file():
            raise _damaged(path, "it is missing")
        if path.stat().st_size != size:
            raise _damaged(path, f"it has {path.stat().st_size:,} bytes and should have {size:,}")
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                raise _damaged(path, "its checksum is not that of the index")


def _damaged(path: Path, why: str) -> StorytellerError:
    return StorytellerError(f"The token shard {path} is damaged: {why}; delete {path.parent} and preprocess again.")
