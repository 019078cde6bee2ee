"""Writing shards: a stream of stories to files, which may be killed and goes on."""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

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


class ShardWriter:
    """Documents, one behind the other, into the shards of a folder; use it in a `with` statement.

    Where an earlier run was killed, the first `resumed` documents are in complete shards already: they must be added
    again, without their ids, and are compared with what was written.

    Attributes:
        finished: the folder is complete, and nothing may be added.
        resumed: documents that an earlier run has written.

    Args:
        folder: is made where it does not exist.
        tokenizer: which gives the ids.
        shard_tokens, prompts, source: see `write_shards`.

    Raises:
        StorytellerError: the folder holds shards of other settings or another tokenizer, or damaged ones.
    """

    def __init__(
        self,
        folder: str | Path,
        tokenizer: Tokenizer,
        *,
        shard_tokens: int = SHARD_TOKENS,
        prompts: bool = False,
        source: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._head = _head(tokenizer, shard_tokens=shard_tokens, prompts=prompts, source=source)
        self.finished = (self.folder / INDEX).exists()
        if self.finished:
            index = read_index(self.folder / INDEX)
            _refuse_other(index, self._head, self.folder)
            (self.folder / UNFINISHED).unlink(missing_ok=True)  # of a run that was killed in its last moment
            self._done = shards_of(index, self.folder)
        else:
            self._done = _resume(self.folder, self._head)
        self.resumed = _total(self._done).documents
        self._to_compare = [] if self.finished else [*reversed(self._done)]
        self._shard: _OpenShard | None = None
        self._stories, self._read = hashlib.sha256(), 0  # of the shard that is written or compared

    @property
    def progress(self) -> Progress:
        """What the folder holds, the shard that is being written included."""
        done, shard = _total(self._done), self._shard
        if shard is None:
            return Progress(done.documents, done.tokens, self.resumed)
        return Progress(done.documents + shard.ends.count, done.tokens + shard.tokens.count, self.resumed)

    def add(self, text: str, ids: bytes | None) -> None:
        """The next document.

        Args:
            text: that it was made from.
            ids: its tokens, the end token last, as `document_bytes` gives them; not looked at where the document is
                one of the first `resumed`.
        """
        _add_text(self._stories, text)
        self._read += 1
        if self._to_compare:
            if self._read == self._to_compare[-1].documents:
                self._compare()
            return
        if self._shard is None:
            self._shard = _OpenShard(self.folder, f"shard-{len(self._done):05d}", self._head["dtype"])
        assert ids is not None
        self._shard.tokens.write(ids)
        self._shard.ends.write(self._shard.tokens.count.to_bytes(8, "little"))
        if self._shard.tokens.count >= self._head["shard_tokens"]:
            self._close_shard()

    def finish(self) -> Progress:
        """No document is left: write the index.

        Raises:
            StorytellerError: there was no document, or fewer than an earlier run has written.
        """
        if not self.finished:
            if self._to_compare:
                self._compare()  # a corpus that has become shorter
            if self._shard is not None:
                self._close_shard()
            if not self._done:
                raise StorytellerError(f"There is no story to write into {self.folder}; the corpus is empty.")
            write_json(self.folder / INDEX, self._head | {"shards": [asdict(shard) for shard in self._done]})
            (self.folder / UNFINISHED).unlink(missing_ok=True)
        return self.progress

    def _compare(self) -> None:
        shard = self._to_compare.pop()
        if self._stories.hexdigest() != shard.stories_sha256:
            raise StorytellerError(
                f"The stories are not those that {self.folder} was begun with ({shard.name}); delete the folder to "
                "begin again."
            )
        self._stories, self._read = hashlib.sha256(), 0

    def _close_shard(self) -> None:
        assert self._shard is not None
        shard, self._shard = self._shard, None
        shard.files.close()
        sums = (digest.hexdigest() for digest in (shard.tokens.digest, shard.ends.digest, self._stories))
        self._done.append(Shard(shard.name, shard.tokens.count, shard.ends.count, *sums))
        self._stories, self._read = hashlib.sha256(), 0
        write_json(self.folder / UNFINISHED, self._head | {"shards": [asdict(shard) for shard in self._done]})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A shard that is not complete is removed; the next run writes it anew."""
        if self._shard is not None:
            shard, self._shard = self._shard, None
            if error is None:
                error = RuntimeError("not finished")
            with suppress(RuntimeError):  # others go on, and those of a full disk as one sentence
                shard.files.__exit__(type(error), error, error.__traceback__)


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
    with ShardWriter(folder, tokenizer, shard_tokens=shard_tokens, prompts=prompts, source=source) as writer:
        if writer.finished:
            return writer.progress
        texts = (training_text(story, prompts=prompts) for story in stories)
        for text in itertools.islice(texts, writer.resumed):
            writer.add(text, None)
        while batch := list(itertools.islice(texts, _BATCH)):
            for text, ids in zip(batch, document_bytes(batch, tokenizer), strict=True):
                writer.add(text, ids)
            if on_progress:
                on_progress(writer.progress)
        return writer.finish()


def document_bytes(texts: Sequence[str], tokenizer: Tokenizer) -> list[bytes]:
    """The tokens of each text and the end token, as the files of a shard hold them."""
    dtype = np.dtype(dtype_of(tokenizer)).newbyteorder("<")
    encoded = tokenizer.encode_batch(texts, special="escape")
    return [np.array([*ids, tokenizer.end_id], dtype=dtype).tobytes() for ids in encoded]


def dtype_of(tokenizer: Tokenizer) -> str:
    """The numbers that hold a token."""
    return "uint16" if tokenizer.vocab_size <= 1 << 16 else "uint32"


def _head(
    tokenizer: Tokenizer, *, shard_tokens: int, prompts: bool, source: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The part of the index that does not depend on the stories."""
    return {
        "format": FORMAT,
        "tokenizer": tokenizer.fingerprint,
        "vocab_size": tokenizer.vocab_size,
        "end_id": tokenizer.end_id,
        "dtype": dtype_of(tokenizer),
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


class _OpenShard:
    """The files of a shard that is being written; closed without an error they get their names."""

    def __init__(self, folder: Path, name: str, dtype: str) -> None:
        self.name, self.files = name, ExitStack()
        with self.files as opening:  # the second may fail
            files = [opening.enter_context(replacing(folder / f"{name}{suffix}")) for suffix in (".bin", ".ends")]
            self.files = opening.pop_all()
        self.tokens, self.ends = _Sink(files[0], np.dtype(dtype).itemsize), _Sink(files[1], 8)


class _Sink:
    """Numbers of so many bytes into a file, with a count and a checksum."""

    def __init__(self, file: IO[bytes], width: int):
        self._file, self._width = file, width
        self.count, self.digest = 0, hashlib.sha256()

    def write(self, numbers: bytes) -> None:
        self._file.write(numbers)
        self.digest.update(numbers)
        self.count += len(numbers) // self._width


def _add_text(digest: "hashlib._Hash", text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little") + data)


def _total(shards: list[Shard]) -> Progress:
    documents = sum(shard.documents for shard in shards)
    return Progress(documents, sum(shard.tokens for shard in shards), documents)
