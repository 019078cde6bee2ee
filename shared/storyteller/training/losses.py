"""How well a model predicts a text: the cross-entropy, and the figures that are made from it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.errors import StorytellerError
from storyteller.moe.losses import load_balancing_loss
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import IGNORE_INDEX, Batch
from storyteller.training.mixed_precision import autocast
from storyteller.training.processes import ONE_PROCESS, OneProcess
from storyteller.transformer.decoder import Decoder

Loss = Callable[[Tensor, Tensor], Tensor]  # logits (B, T, V), targets (B, T) -> (), the mean over the targets
RouterLoss = Callable[..., Tensor]  # called as load_balancing_loss or router_z_loss is


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


class WithAuxiliaryLoss(nn.Module):
    """A decoder as lesson 04 calls a model: it gives its logits and the weighted load-balancing loss of all layers.

    Args:
        model: the decoder; the loss of a dense one is 0.
        balance_weight: of each layer's loss.
    """

    def __init__(self, model: Decoder, *, balance_weight: float = 0.01) -> None:
        super().__init__()
        self.model, self.balance_weight = model, balance_weight

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to logits (B, T, V) and ()."""
        logits, routing = self.model(ids)
        total = sum((load_balancing_loss(layer.probs, layer.expert_ids) for layer in routing), logits.new_zeros(()))
        return logits, self.balance_weight * total


def byte_lengths(tokenizer: Tokenizer) -> list[int]:
    """How many bytes of text each token stands for, (V,); 0 for the end-of-text token, which is not text."""
    lengths = [len(tokenizer.token_bytes(token)) for token in range(tokenizer.vocab_size)]
    lengths[tokenizer.end_id] = 0
    return lengths


@torch.no_grad()
def evaluate(
    model: Decoder,
    batches: Sequence[Batch],
    *,
    loss: Loss = cross_entropy,
    dtype: str = "float32",
    byte_lengths: Sequence[int] | None = None,
    processes: OneProcess = ONE_PROCESS,
) -> Metrics:
    """Measure a model on a text, every target counting the same. The model is left in the mode it was in.

    Args:
        model: the model.
        batches: from `storyteller.training.batches.validation_batches`.
        loss: called as `cross_entropy`.
        dtype: of the products: "float32", "bfloat16" or "float16".
        byte_lengths: (V,) how many bytes of text each token stands for, 0 for a special one; gives bits per byte.
        processes: among which the batches are shared out.

    Raises:
        StorytellerError: the batches hold no target.
    """
    device = next(model.parameters()).device
    lengths = None if byte_lengths is None else torch.tensor(byte_lengths)
    nats, n_targets, n_bytes = 0.0, 0, 0
    was_training = model.training
    model.eval()
    try:
        for batch in processes.share(batches):
            n_targets += batch.n_targets
            if lengths is not None:
                n_bytes += int(lengths[batch.targets[batch.targets != IGNORE_INDEX]].sum())
            batch = batch.to(device)
            with autocast(device, dtype):
                logits = model(batch.inputs, attention_mask=batch.attention_mask).logits  # (B, T, V)
            nats += loss(logits, batch.targets).item() * batch.n_targets
    finally:
        model.train(was_training)
    figures = processes.total(*(torch.tensor(figure, dtype=torch.float64) for figure in (nats, n_targets, n_bytes)))
    nats, n_targets, n_bytes = figures[0].item(), int(figures[1]), int(figures[2])
    if not n_targets:
        raise StorytellerError("There is nothing to evaluate: the validation batches hold no target; add stories.")
    mean = nats / n_targets
    return Metrics(
        loss=mean,
        perplexity=math.exp(mean) if mean < 700 else math.inf,  # e to the 710 does not fit into a float
        bits_per_byte=nats / math.log(2) / n_bytes if n_bytes else None,
        tokens=n_targets,
    )
