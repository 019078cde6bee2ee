"""From the parts of the lessons to what the pipeline, the model and the trainer take."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.runs.pipeline import Notice, Parts
from storyteller.tokenizer import FIRST_MERGE, Tokenizer, Vocabulary
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, END_OF_TEXT
from storyteller.training.batches import Batch
from storyteller.training.events import StepLosses
from storyteller.training.mixed_precision import autocast
from storyteller.training.optim import Clip
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder
from storyteller_course.capstone.collect import Gathered
from storyteller_course.parts.data_preparation import Pair, as_vocabulary
from storyteller_course.parts.training_basics import as_optimizer

Part = Callable[..., Any]


def as_parts(gathered: Gathered, *, notice: Notice = print) -> Parts:
    """What `storyteller.runs.pipeline.train` is given, so that the student's parts are at work in it.

    Args:
        gathered: the parts; where one is the course's, the library's own form is taken.
        notice: is told when what a part made cannot be used.
    """
    learn, encode = gathered.yours("train_bpe"), gathered.yours("encode")
    return Parts(
        learn=Tokenizer.train if learn is None else partial(learn_with, learn, notice=notice),
        encoder=lambda tokenizer: tokenizer if encode is None else OwnTokenizer(tokenizer.vocabulary, encode=encode),
        build=_builder(gathered),
        trainer=_trainer(gathered),
    )


MODEL = {
    "attend": "attend",
    "apply_rope": "apply_rope",
    "RMSNorm": "norm",
    "route_top_k": "route",
    "dispatch_sorted": "dispatch",
    "MoELayer": "layer",
}  # part -> the argument of `build_model`
TRAINER = {
    "cross_entropy": "loss",
    "learning_rate": "schedule",
    "decay_groups": "groups",
    "load_balancing_loss": "balance",
    "router_z_loss": "z",
}  # likewise, of `Trainer`


def _present(gathered: Gathered, arguments: dict[str, str]) -> dict[str, Part]:
    found = {argument: gathered.yours(name) for name, argument in arguments.items()}
    return {argument: part for argument, part in found.items() if part is not None}


def _builder(gathered: Gathered) -> Callable[..., Decoder]:
    options: dict[str, Any] = dict(_present(gathered, MODEL))

    def build(config: ModelConfig, *, seed: int = 1) -> Decoder:
        if "layer" in options and config.router != "softmax":
            raise StorytellerError(
                f"Your MoELayer routes by a softmax, and this model has a {config.router} router: "
                "leave router at 'softmax'."
            )
        # `gather` has compared each part with the course's, so whoever loads the run may take the library's.
        return build_model(config, seed=seed, equivalent=True, **options)

    return build


def _trainer(gathered: Gathered) -> Callable[..., Trainer]:
    options: dict[str, Any] = dict(_present(gathered, TRAINER))
    if step := gathered.yours("adamw_step"):
        options["optimizer"] = as_optimizer(step)
    if clip := gathered.yours("clip_gradients"):
        options["clip"] = as_clip(clip)
    if gradients := gathered.yours("accumulate"):
        return partial(OwnSteps, gradients, **options)
    return partial(Trainer, **options)


# --- Tokenizer --------------------------------------------------------------------------------------------------------


def learn_with(learn: Part, texts: Iterable[str], *, vocab_size: int, notice: Notice = print) -> Tokenizer:
    """The vocabulary that a function such as `train_bpe` learns, if it is the library's; otherwise the library's."""
    texts = list(texts)
    library = Tokenizer.train(texts, vocab_size=vocab_size)
    n_merges = library.vocab_size - FIRST_MERGE - 1
    merges = [(int(left), int(right)) for left, right in learn(texts, n_merges)]
    if merges == ids_of_merges(library.vocabulary):
        return Tokenizer(as_vocabulary(merges, (END_OF_TEXT,)))
    notice("train_bpe: on the whole corpus yours learned other merges than the course's: the course's in this run.")
    return library


def ids_of_merges(vocabulary: Vocabulary) -> list[Pair]:
    """The merges as lesson 01 writes them: pairs of ids."""
    ids = {token: i for i, token in enumerate(BYTE_TOKENS)}
    merges = []
    for new_id, (left, right) in enumerate(vocabulary.merges, start=FIRST_MERGE):
        merges.append((ids[left], ids[right]))
        ids[left + right] = new_id
    return merges


class OwnTokenizer(Tokenizer):
    """A tokenizer that encodes and decodes with functions such as those of lesson 01.

    Args:
        vocabulary: its tokens and merges.
        encode: called as `encode(text, merges)`; None leaves it to the library.
        decode: called as `decode(ids, merges)`; likewise.
    """

    def __init__(self, vocabulary: Vocabulary, *, encode: Part | None = None, decode: Part | None = None) -> None:
        super().__init__(vocabulary)
        self.own_encode, self.own_decode = encode, decode
        self.merges = ids_of_merges(vocabulary)

    def encode(self, text: str, *, special: Any = "refuse") -> list[int]:
        """See `Tokenizer.encode`; a text with a special token in it is the library's business."""
        if self.own_encode is None or (special != "escape" and END_OF_TEXT in text):
            return super().encode(text, special=special)
        return list(self.own_encode(text, self.merges))

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """See `Tokenizer.decode`."""
        listed = [int(i) for i in ids]
        plain = [i for i in listed if i != self.end_id]
        if self.own_decode is None or (len(plain) < len(listed) and not skip_special):
            return super().decode(listed, skip_special=skip_special)
        return str(self.own_decode(plain, self.merges))


# --- Training ---------------------------------------------------------------------------------------------------------


def as_clip(clip: Part) -> Clip:
    """Make what `Trainer` takes as its `clip` out of a function such as lesson 04's `clip_gradients`."""

    def shorten(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
        trained = [parameter for parameter in parameters if parameter.grad is not None]
        norm, shortened = clip([parameter.grad for parameter in trained], max_norm)
        for parameter, gradient in zip(trained, shortened, strict=True):
            parameter.grad = gradient
        return torch.as_tensor(norm)

    return shorten


class OwnSteps(Trainer):
    """A trainer whose gradients come from a function such as lesson 04's `accumulate`, one pass after the other.

    Under float16 the library's own does it, for the loss has to be scaled there.
    """

    def __init__(self, accumulate: Part, *arguments: Any, parallel_microbatches: int = 1, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.accumulate = accumulate

    def backward(self, batches: Sequence[Batch]) -> StepLosses:
        """See `Trainer.backward`."""
        if self.scaler.is_enabled():
            return super().backward(batches)
        watched = _Watched(self)
        there = [batch.to(self.device) for batch in batches]
        mean = float(self.accumulate(watched, [(batch.inputs, batch.targets) for batch in there]))
        if not math.isfinite(mean):
            raise self._diverged("loss", mean)
        shares = torch.tensor([batch.n_tokens for batch in there], dtype=torch.float32)
        z, *balance = (torch.stack(watched.losses).cpu().T @ shares / shares.sum()).tolist()  # (1 + layers,)
        n_targets = sum(batch.n_targets for batch in batches)
        return StepLosses(loss=mean, balance_losses=tuple(balance), router_z_loss=z, n_targets=n_targets)


class _Watched(nn.Module):
    """The trainer's model as lesson 04 calls it: logits and the weighted router losses, which are noted as well."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.model: Decoder = trainer.model
        self.trainer = (trainer,)  # in a tuple: a trainer is no part of the model
        self.losses: list[Tensor] = []  # of each pass: the z-loss and each layer's balance loss, (1 + layers,)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to logits (B, T, V) and ()."""
        (trainer,) = self.trainer
        with autocast(trainer.device, trainer.dtype):
            logits, routing = self.model(ids)
        balance = [trainer.balance(layer.probs, layer.expert_ids) for layer in routing]
        z = sum((trainer.z(layer.logits) for layer in routing), torch.zeros((), device=logits.device))
        self.losses.append(torch.stack([z, *balance]).detach())
        config = trainer.config
        return logits, config.balance_weight * sum(balance, torch.zeros_like(z)) + config.z_weight * z
