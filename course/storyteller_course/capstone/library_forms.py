"""The library's own form of some exercises, fast and with their signatures: what a student's is timed against."""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

import torch
from torch import Tensor, nn

from storyteller.tokenizer import FIRST_MERGE, Tokenizer
from storyteller.tokenizer.pretokenize import count_words
from storyteller.tokenizer.training import learn_merges
from storyteller.tokenizer.vocabulary import BYTE_TOKENS
from storyteller.training.batches import IGNORE_INDEX
from storyteller_course.lesson_tools.data_preparation import Pair, as_vocabulary


def ids_of_merges(learned: Iterable[tuple[bytes, bytes]]) -> list[Pair]:
    """The library's merges as lesson 01 writes them: pairs of ids."""
    ids = {token: i for i, token in enumerate(BYTE_TOKENS)}
    merges = []
    for new_id, (left, right) in enumerate(learned, start=FIRST_MERGE):
        merges.append((ids[left], ids[right]))
        ids[left + right] = new_id
    return merges


def train_bpe(texts: list[str], n_merges: int) -> list[Pair]:
    """The first merges of byte-level BPE, in the order learned."""
    return ids_of_merges(learn_merges(count_words(texts), n_merges))


@lru_cache(maxsize=8)
def _tokenizer(merges: tuple[Pair, ...]) -> Tokenizer:
    return Tokenizer(as_vocabulary(merges))


def encode(text: str, merges: list[Pair]) -> list[int]:
    """The token ids of any text."""
    return _tokenizer(tuple((left, right) for left, right in merges)).encode(text, special="escape")


def decode(ids: list[int], merges: list[Pair]) -> str:
    """The text of some token ids."""
    return _tokenizer(tuple((left, right) for left, right in merges)).decode(ids)


def pack(documents: list[list[int]], end_id: int, seq_len: int) -> tuple[Tensor, Tensor]:
    """Documents cut into inputs and targets without padding, (B, T) each."""
    stream = torch.tensor(list(chain.from_iterable((*document, end_id) for document in documents)))
    windows = stream.unfold(0, seq_len + 1, seq_len)  # (B, T + 1), each one's last token the next one's first
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def evaluate(model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]], text: str) -> dict[str, float]:
    """Loss, perplexity and bits per byte of a text; the model is left in the mode that it was in."""
    mode = model.training
    model.eval()
    summed = nn.CrossEntropyLoss(ignore_index=IGNORE_INDEX, reduction="sum")
    nats = 0.0
    for ids, following in batches:
        nats += float(summed(model(ids)[0].flatten(0, 1).float(), following.flatten()))
    model.train(mode)
    mean = nats / sum(int(following.ne(IGNORE_INDEX).sum()) for _, following in batches)
    return {
        "loss": mean,
        "perplexity": math.exp(mean),
        "bits_per_byte": nats / (math.log(2) * len(text.encode())),
    }
