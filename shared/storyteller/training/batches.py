"""Batches: documents packed into one stream of tokens, cut into sequences, shuffled.

Every document ends with the end token, and the documents follow each other in one long stream. A training
sequence is a window of T tokens of that stream, so it may begin inside one story and hold several others; nothing is
padded (GPT-3, appendix B). Two choices go with it:

- Attention is not cut at the boundaries. A story may look at the one before it and soon learns that this does not help.
  `Batch.document_ids` tells which document each token belongs to, for whoever wants the block mask.
- The token after an end token is the first token of the next document, and it is predicted: this is how the model
  learns to begin a story, so `<|endoftext|>` alone is a prompt. `predict_first_token=False` leaves those targets out.

    >>> stream = InMemoryTokens.pack([[5, 6, 7], [8, 9]], end_id=0)
    >>> stream.tokens(0, len(stream)).tolist()
    [5, 6, 7, 0, 8, 9, 0]
    >>> batch = validation_batches(stream, batch_size=1, seq_len=4)[0]
    >>> batch.inputs.tolist(), batch.targets.tolist(), batch.document_ids.tolist()
    ([[5, 6, 7, 0]], [[6, 7, 0, 8]], [[0, 0, 0, 0]])
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from storyteller.errors import StorytellerError

IGNORE_INDEX = -100  # a target with nothing to predict; PyTorch's cross-entropy skips this value by default
PAD_DOCUMENT = -1  # the document of a position that holds no token
LENGTH_MULTIPLE = 8  # of aligned sequences: few shapes, for each of which a CPU's kernels are built once


class TokenSource(Protocol):
    """A packed stream of documents: `token_shards.TokenShards` on disk or `InMemoryTokens` in memory."""

    def __len__(self) -> int:
        """Tokens in the stream."""

    @property
    def boundaries(self) -> np.ndarray:
        """Where each document starts, and the end of the last: int64, (documents + 1,)."""

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """The tokens from `start` up to, not including, `stop`."""


class InMemoryTokens:
    """A packed stream in memory, for lessons and tests."""

    def __init__(self, tokens: Sequence[int] | np.ndarray, boundaries: Sequence[int] | np.ndarray | None = None):
        self._tokens = np.asarray(tokens, dtype=np.int64)
        self.boundaries = np.asarray([0, len(self._tokens)] if boundaries is None else boundaries, dtype=np.int64)

    @classmethod
    def pack(cls, documents: Iterable[Sequence[int]], *, end_id: int) -> "InMemoryTokens":
        """Put the documents one behind the other, each closed by the end token."""
        stream: list[int] = []
        boundaries = [0]
        for document in documents:
            stream.extend([*document, end_id])
            boundaries.append(len(stream))
        return cls(stream, boundaries)

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def n_documents(self) -> int:
        """Documents in the stream."""
        return len(self.boundaries) - 1

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """The tokens from `start` up to, not including, `stop`."""
        return self._tokens[start:stop]


@dataclass(frozen=True)
class Batch:
    """B sequences of T tokens, and what comes after each of them."""

    inputs: Tensor  # (B, T) int64
    targets: Tensor  # (B, T) int64: inputs shifted by one; -100 where there is nothing to predict
    document_ids: Tensor  # (B, T) int64: the document of each input token; -1 where the row is padded

    @property
    def n_targets(self) -> int:
        """How many tokens are predicted."""
        return int((self.targets != IGNORE_INDEX).sum())

    @property
    def n_tokens(self) -> int:
        """How many tokens are read."""
        return int((self.document_ids != PAD_DOCUMENT).sum())

    @property
    def attention_mask(self) -> Tensor | None:
        """True where a real token stands, (B, T) bool; None when no position is padded, as always in training."""
        real = self.document_ids != PAD_DOCUMENT
        return None if bool(real.all()) else real

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device. A GPU copies it by itself where it lies in pinned memory."""
        on_its_own = torch.device(device).type == "cuda"  # the other way, the numbers would be read before they arrive
        return Batch(
            *(part.to(device, non_blocking=on_its_own) for part in (self.inputs, self.targets, self.document_ids))
        )

    def pin(self) -> "Batch":
        """The same batch in memory from which a GPU copies without this process."""
        return Batch(self.inputs.pin_memory(), self.targets.pin_memory(), self.document_ids.pin_memory())


class BatchSource(Protocol):
    """What the trainer draws from; `TrainingBatches` is one."""

    def __next__(self) -> Batch: ...

    def state_dict(self) -> dict[str, int]:
        """The place in the data."""

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place."""


class TrainingBatches:
    """An endless iterator over shuffled training batches that can be put back to any place.

    The stream is treated as a ring, so the last document is followed by the first. Each epoch starts at another point
    of the ring, cuts it into `len(source) // seq_len` whole sequences and goes through them in a new order. Both are a
    pure function of seed and epoch, which is why the state is three small numbers. The last batch of an epoch is filled
    up with the first sequences of the next, so every batch has the same shape and no sequence is dropped.

    The place is counted in sequences, not in batches: a run may go on with another batch size where it stopped.

    With `align_documents`, every sequence instead begins with an end token and the document behind it, each document
    once in an epoch. It is meant for short runs on short stories: wherever a name stands, the sentence that introduced
    it is in sight, and a prompt begins with an end token too. The sequences of a batch are as long as its longest
    document, up to a multiple of 8; what follows a document in the stream fills its row. What a document has beyond T
    tokens is not seen, so leave it off for long documents.

    Args:
        source: the packed documents.
        batch_size: B, sequences in a batch.
        seq_len: T, tokens in a sequence; with `align_documents`, at most.
        seed: decides the order.
        align_documents: begin every sequence with the end token before a document.
        predict_first_token: whether the first token of a document is a target.

    Raises:
        StorytellerError: the source is shorter than one sequence.
    """

    def __init__(
        self,
        source: TokenSource,
        *,
        batch_size: int,
        seq_len: int,
        seed: int,
        align_documents: bool = False,
        predict_first_token: bool = True,
    ) -> None:
        if len(source) < seq_len:
            raise StorytellerError(
                f"The corpus has {len(source)} tokens and one sequence needs {seq_len}: "
                f"add stories, or make the sequences shorter."
            )
        self.source = source
        self.batch_size = batch_size
        self.seq_len = seq_len
        self.seed = seed
        self.align_documents = align_documents
        self.predict_first_token = predict_first_token
        self.n_sequences = len(source.boundaries) - 1 if align_documents else len(source) // seq_len  # in an epoch
        self.epoch = 0
        self.position = 0  # sequences of this epoch already given out
        self._starts = self._order()

    def _order(self) -> np.ndarray:
        """Where the sequences of this epoch start, in the order in which they come."""
        random = np.random.default_rng([self.seed, self.epoch])
        if self.align_documents:
            return random.permutation(self.source.boundaries[:-1] - 1) % len(self.source)
        first = random.integers(len(self.source))
        return (first + random.permutation(self.n_sequences) * self.seq_len) % len(self.source)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self.next_rows(slice(None))

    def next_rows(self, rows: slice) -> Batch:
        """Of the next batch these rows alone: no others are read, and the place goes on as after the whole batch."""
        starts = np.empty(self.batch_size, dtype=np.int64)
        for row in range(self.batch_size):
            if self.position == self.n_sequences:
                self.epoch, self.position = self.epoch + 1, 0
                self._starts = self._order()
            starts[row] = self._starts[self.position]
            self.position += 1
        length = self.seq_len + 1  # T + 1 tokens a row: the last one is only a target
        if self.align_documents:  # hardly longer than the longest document of the batch
            begins = self.source.boundaries
            document = np.searchsorted(begins, (starts + 1) % len(self.source))
            longest = int((begins[document + 1] - begins[document]).max())
            length = _padded_length(longest, self.seq_len) + 1
        starts = starts[rows]
        tokens = [_ring(self.source, start, length) for start in starts.tolist()]
        positions = starts[:, None] + np.arange(length)  # (B, T + 1)
        return _batch(np.stack(tokens), positions % len(self.source), self.source, self.predict_first_token)

    def state_dict(self) -> dict[str, int]:
        """The place in the data: what `load_state_dict` needs to give the batch that would come next."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "sequences": self.n_sequences,
            "seq_len": self.seq_len,
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place.

        Raises:
            StorytellerError: the place was saved with other data, another sequence length or another seed.
        """
        for name in ("sequences", "seq_len", "seed"):
            if state.get(name) != self.state_dict()[name]:
                raise StorytellerError(
                    f"The checkpoint's data has {name} {state.get(name)} and these batches have "
                    f"{self.state_dict()[name]}: go on with the corpus and settings the run was started with, "
                    "or start a new run."
                )
        self.epoch, self.position = state["epoch"], state["position"]
        self._starts = self._order()


class ReadAhead:
    """A `BatchSource` that reads the next batches of another one, on a thread, while the last one is computed on.

    Its place is that of the batch given out last, however far it has read: a run that goes on leaves none out.

    Args:
        source: the other one; nobody else draws from it.
        number: of batches to have ready.
        pin: put them where a GPU copies from without this process.
    """

    def __init__(self, source: BatchSource, *, number: int, pin: bool) -> None:
        self.source, self.number, self.pin = source, number, pin
        self._reader = ThreadPoolExecutor(1)  # one batch after the other, in order
        self._ready: deque[Future[tuple[Batch, dict[str, int]]]] = deque()
        self._place = source.state_dict()  # behind the batch given out last

    def __next__(self) -> Batch:
        while len(self._ready) <= self.number:
            self._ready.append(self._reader.submit(self._read))
        batch, self._place = self._ready.popleft().result()
        return batch

    def _read(self) -> tuple[Batch, dict[str, int]]:
        batch = next(self.source)
        return batch.pin() if self.pin else batch, self.source.state_dict()

    def state_dict(self) -> dict[str, int]:
        """The place behind the batch given out last."""
        return self._place

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place; what was read ahead is thrown away."""
        while self._ready:
            self._ready.popleft().result()
        self.source.load_state_dict(state)
        self._place = self.source.state_dict()


class _FixedBatches(Sequence[Batch]):
    """Batches in the stream's own order, built when asked for. Row i predicts the tokens behind windows[i]."""

    def __init__(
        self, source: TokenSource, windows: list[tuple[int, int]], *, batch_size: int, seq_len: int, length: int
    ) -> None:
        self.source = source
        self.windows = windows
        self.batch_size = batch_size
        self.seq_len = seq_len
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Batch:  # type: ignore[override]  # slices have no use here
        if not 0 <= index < self.length:
            raise IndexError(index)
        windows = self.windows[index * self.batch_size : (index + 1) * self.batch_size]
        length = _padded_length(max(stop - start for start, stop in windows), self.seq_len) + 1  # T + 1
        tokens = np.full((len(windows), length), PAD_DOCUMENT)
        positions = np.full((len(windows), length), PAD_DOCUMENT)
        for row, (start, stop) in enumerate(windows):
            tokens[row, : stop - start + 1] = self.source.tokens(start, stop + 1)
            positions[row, : stop - start + 1] = np.arange(start, stop + 1)
        return _batch(tokens, positions, self.source, predict_first_token=True)


def validation_batches(
    source: TokenSource, *, batch_size: int, seq_len: int, limit: int | None = None, align_documents: bool = False
) -> Sequence[Batch]:
    """Batches in a fixed order in which every token but the first is a target exactly once.

    The last batch may have fewer rows. A row that is shorter than its batch is padded at the end: inputs 0, targets
    -100, document ids -1.

    Args:
        source: the packed documents.
        batch_size: B, sequences in a batch.
        seq_len: T, tokens in a sequence at most: a batch is hardly longer than its longest row.
        limit: how many batches at most, counted from the beginning; None takes all.
        align_documents: begin a new sequence at each document, with the end token before it, as `TrainingBatches` does.

    Raises:
        StorytellerError: there are not two tokens, so there is nothing to predict.
    """
    last = len(source) - 1  # the last token is only a target
    if last < 1:
        raise StorytellerError(f"The validation split has {len(source)} tokens; it needs at least 2: add stories.")
    ends = source.boundaries[1:].tolist() if align_documents else [last + 1]
    windows, first = [], 0
    for end in ends:  # from a document's end token, or the beginning, to before the next
        windows += [(start, min(start + seq_len, end - 1)) for start in range(first, end - 1, seq_len)]
        first = end - 1
    length = -(-len(windows) // batch_size)  # rounded up
    length = length if limit is None else min(length, limit)
    return _FixedBatches(source, windows, batch_size=batch_size, seq_len=seq_len, length=length)


def _padded_length(longest: int, seq_len: int) -> int:
    """The next multiple of LENGTH_MULTIPLE: few lengths are few shapes, for each of which kernels are made ready."""
    return min(seq_len, -(-longest // LENGTH_MULTIPLE) * LENGTH_MULTIPLE)


def _ring(source: TokenSource, start: int, length: int) -> np.ndarray:
    """`length` tokens from `start` on, going on at the beginning after the last token."""
    pieces = []
    while length:
        piece = source.tokens(start, min(start + length, len(source)))
        pieces.append(piece)
        length, start = length - len(piece), 0
    return np.concatenate(pieces)


def _batch(tokens: np.ndarray, positions: np.ndarray, source: TokenSource, predict_first_token: bool) -> Batch:
    """Shift by one. `tokens` and their `positions` in the stream are (B, T + 1), -1 where a row is padded."""
    # The last boundary at or before a position is the start of its document.
    documents = np.searchsorted(source.boundaries, positions, side="right") - 1  # (B, T + 1)
    padding = positions[:, 1:] == PAD_DOCUMENT  # a token without a successor has nothing to predict: padding too
    ignored = padding
    if not predict_first_token:
        ignored = padding | np.isin(positions[:, 1:], source.boundaries[:-1])
    inputs = np.where(padding, 0, tokens[:, :-1])  # (B, T)
    targets = np.where(ignored, IGNORE_INDEX, tokens[:, 1:])  # (B, T)
    documents = np.where(padding, PAD_DOCUMENT, documents[:, :-1])  # (B, T)
    return Batch(*(torch.from_numpy(array.astype(np.int64)) for array in (inputs, targets, documents)))
