"""Reading shards: the documents of a folder through a memory map."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards.index import INDEX, UNFINISHED, Shard, read_index, shards_of, verify


def open_shards(folder: str | Path, tokenizer: Tokenizer) -> "TokenShards":
    """Open a folder that `write_shards` has finished. Every byte is checked against the index, as a stream.

    Raises:
        StorytellerError: there are no shards, they are unfinished or damaged, or another tokenizer made them.
    """
    folder = Path(folder)
    if not (folder / INDEX).exists():
        state = "unfinished" if (folder / UNFINISHED).exists() else "missing"
        raise StorytellerError(f"The token shards in {folder} are {state}; run storyteller preprocess --out {folder}.")
    index = read_index(folder / INDEX)
    if index.get("tokenizer") != tokenizer.fingerprint:
        raise StorytellerError(
            f"The token shards in {folder} were made with another tokenizer ({str(index.get('tokenizer'))[:12]}, this "
            f"one is {tokenizer.fingerprint[:12]}); use that one, or preprocess again into another folder."
        )
    shards = shards_of(index, folder)
    dtype = np.dtype(index["dtype"]).newbyteorder("<")
    for shard in shards:
        verify(folder, shard, dtype.itemsize)
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
