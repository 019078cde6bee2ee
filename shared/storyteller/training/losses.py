"""How well a model predicts a text: the cross-entropy, and the figures that are made from it."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.training.batches import IGNORE_INDEX, Batch
from storyteller.training.mixed_precision import autocast
from storyteller.transformer.decoder import Decoder

Loss = Callable[[Tensor, Tensor], Tensor]  # logits (B, T, V), targets (B, T) -> (), the mean over the targets


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """How well a model predicts a text. The router's auxiliary losses have no part in it."""

    loss: float  # cross-entropy in nats a token
    perplexity: float  # e to the loss: as unsure as when choosing blindly among so many tokens
    bits_per_byte: float | None  # the same surprise in bits over the text's bytes: comparable between tokenizers
    tokens: int  # targets it was measured on


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean of -log p(target) over the targets that are not -100, in nats; 0 where there are none.

    Args:
        logits: (B, T, V)
        targets: (B, T) int64

    Returns:
        ()
    """
    # A sum over a whole vocabulary needs float32 at least.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (targets != IGNORE_INDEX).sum().clamp(min=1)


@torch.no_grad()
def evaluate(
    model: Decoder,
    batches: Iterable[Batch],
    *,
    loss: Loss = cross_entropy,
    dtype: str = "float32",
    byte_lengths: Sequence[int] | None = None,
) -> Metrics:
    """Measure a model on a text, every target counting the same. The model is left in the mode it was in.

    Args:
        model: the model.
        batches: from `storyteller.training.batches.validation_batches`.
        loss: called as `cross_entropy`.
        dtype: of the products: "float32", "bfloat16" or "float16".
        byte_lengths: (V,) how many bytes of text each token stands for, 0 for a special one; gives bits per byte.

    Raises:
        StorytellerError: the batches hold no target.
    """
    device = next(model.parameters()).device
    lengths = None if byte_lengths is None else torch.tensor(byte_lengths)
    nats, n_targets, n_bytes = 0.0, 0, 0
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            n_targets += batch.n_targets
            if lengths is not None:
                n_bytes += int(lengths[batch.targets[batch.targets != IGNORE_INDEX]].sum())
            there = batch.to(device)
            with autocast(device, dtype):
                logits = model(there.inputs, attention_mask=there.attention_mask).logits  # (B, T, V)
            nats += loss(logits, there.targets).item() * batch.n_targets
    finally:
        model.train(was_training)
    if not n_targets:
        raise StorytellerError("There is nothing to evaluate: the validation batches hold no target; add stories.")
    mean = nats / n_targets
    return Metrics(
        loss=mean,
        perplexity=math.exp(mean) if mean < 700 else math.inf,  # e to the 710 does not fit into a float
        bits_per_byte=nats / math.log(2) / n_bytes if n_bytes else None,
        tokens=n_targets,
    )
