"""From the parts of the lessons to what the pipeline, the model and the trainer take."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from storyteller.config import ModelConfig, TrainConfig
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.runs.pipeline import Notice, RunComponents
from storyteller.tokenizer import FIRST_MERGE, Tokenizer, Vocabulary
from storyteller.tokenizer.pretokenize import split_words
from storyteller.tokenizer.vocabulary import END_OF_TEXT
from storyteller.training.batches import Batch
from storyteller.training.components import TrainerComponents
from storyteller.training.events import StepLosses
from storyteller.training.mixed_precision import autocast
from storyteller.training.optim import as_optimizer
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder
from storyteller_course.capstone.roles import ids_of_merges
from storyteller_course.lesson_tools.data_preparation import as_vocabulary

if TYPE_CHECKING:
    from storyteller_course.capstone.collect import Gathered

Part = Callable[..., Any]


def as_run_components(gathered: "Gathered", *, notice: Notice = print) -> RunComponents:
    """What `storyteller.runs.pipeline.train` is given, so that the student's parts are at work in it.

    Args:
        gathered: the parts; where one is the course's, the library's own form is taken.
        notice: called when what a part made cannot be used.
    """
    learn, encode = gathered.yours("train_bpe"), gathered.yours("encode")
    model_parts = _at_work(gathered, MODEL)

    def build(config: ModelConfig, *, seed: int = 1) -> Decoder:
        if "layer" in model_parts and config.router != "softmax":
            raise StorytellerError(
                f"Your MoELayer routes by a softmax, and this model has a {config.router} router: "
                "leave router at 'softmax'."
            )
        if "layer" in model_parts and (config.balance == "bias" or config.n_shared_experts):
            raise StorytellerError(
                "Your MoELayer has neither a bias that balances nor shared experts, and this model has: leave balance "
                "at 'loss' and n_shared_experts at 0."
            )
        # `gather` has compared each part with the course's, so whoever loads the run may take the library's.
        return build_model(config, seed=seed, equivalent=True, **model_parts)

    adapted: dict[str, Part] = {}
    if step := gathered.yours("adamw_step"):
        adapted["optimizer"] = as_optimizer(step)
    if accumulate := gathered.yours("accumulate"):
        adapted["gradients"] = gradients_with(accumulate)
    return RunComponents(
        train_tokenizer=Tokenizer.train if learn is None else partial(learn_with, learn, notice=notice),
        encoder=lambda tokenizer: tokenizer if encode is None else OwnTokenizer(tokenizer.vocabulary, encode=encode),
        build_model=build,
        trainer=TrainerComponents(**_at_work(gathered, TRAINER), **adapted),
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
    "load_balancing_loss": "load_balancing_loss",
    "router_z_loss": "router_z_loss",
    "decay_groups": "parameter_groups",
    "clip_gradients": "clip_gradients",
    "learning_rate": "schedule",
}  # likewise, of `TrainerComponents`


def _at_work(gathered: "Gathered", arguments: dict[str, str]) -> dict[str, Any]:
    """The student's parts that are at work, by the arguments that take them."""
    parts = {argument: gathered.yours(name) for name, argument in arguments.items()}
    return {argument: part for argument, part in parts.items() if part is not None}


# --- Tokenizer --------------------------------------------------------------------------------------------------------


def learn_with(learn: Part, texts: Iterable[str], *, vocab_size: int, notice: Notice = print) -> Tokenizer:
    """The vocabulary that a function such as `train_bpe` learns, if it is the library's; otherwise the library's."""
    texts = list(texts)
    library = Tokenizer.train(texts, vocab_size=vocab_size)
    n_merges = library.vocab_size - FIRST_MERGE - 1
    merges = [(int(left), int(right)) for left, right in learn(texts, n_merges)]
    if merges == ids_of_merges(library.vocabulary.merges):
        return Tokenizer(as_vocabulary(merges, (END_OF_TEXT,)))
    notice("train_bpe: on the whole corpus yours learned other merges than the course's: the course's in this run.")
    return library


class OwnTokenizer(Tokenizer):
    """A tokenizer that encodes and decodes with functions such as those of lesson 01.

    No merge goes across the border of two words, so each different word is encoded once and remembered.

    Args:
        vocabulary: its tokens and merges.
        encode: called as `encode(text, merges)`; None leaves it to the library.
        decode: called as `decode(ids, merges)`; likewise.
    """

    def __init__(self, vocabulary: Vocabulary, *, encode: Part | None = None, decode: Part | None = None) -> None:
        super().__init__(vocabulary)
        self.own_encode, self.own_decode = encode, decode
        self.merges = ids_of_merges(vocabulary.merges)
        self._known: dict[str, list[int]] = {}  # word -> its tokens

    def encode(self, text: str, *, special: Any = "refuse") -> list[int]:
        """See `Tokenizer.encode`; a text with a special token in it is the library's business."""
        if self.own_encode is None or (special != "escape" and END_OF_TEXT in text):
            return super().encode(text, special=special)
        ids: list[int] = []
        for piece in split_words(text):
            if piece not in self._known:
                self._known[piece] = list(self.own_encode(piece, self.merges))
            ids += self._known[piece]
        return ids

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """See `Tokenizer.decode`."""
        listed = [int(i) for i in ids]
        plain = [i for i in listed if i != self.end_id]
        if self.own_decode is None or (len(plain) < len(listed) and not skip_special):
            return super().decode(listed, skip_special=skip_special)
        return str(self.own_decode(plain, self.merges))


# --- Training ---------------------------------------------------------------------------------------------------------


def gradients_with(accumulate: Part) -> Callable[[Trainer, Sequence[Batch]], StepLosses]:
    """`TrainerComponents.gradients` of a function such as lesson 04's `accumulate`, one pass after the other."""

    def gradients(trainer: Trainer, batches: Sequence[Batch]) -> StepLosses:
        model = _RecordingLosses(trainer.model, trainer.components, trainer.config, dtype=trainer.dtype)
        on_device = [batch.to(trainer.device) for batch in batches]
        mean = float(accumulate(model, [(batch.inputs, batch.targets) for batch in on_device]))
        shares = torch.tensor([batch.n_tokens for batch in batches], dtype=torch.float32)
        z, *balance = (torch.stack(model.losses).cpu().T @ shares / shares.sum()).tolist()  # (1 + layers,)
        n_targets = sum(batch.n_targets for batch in batches)
        return StepLosses(loss=mean, balance_losses=tuple(balance), router_z_loss=z, n_targets=n_targets)

    return gradients


class _RecordingLosses(nn.Module):
    """A model as lesson 04 calls it, with logits and the weighted router losses, which are recorded as well."""

    def __init__(self, model: Decoder, components: TrainerComponents, config: TrainConfig, *, dtype: str) -> None:
        super().__init__()
        self.model, self.components, self.config, self.dtype = model, components, config, dtype
        self.losses: list[Tensor] = []  # of each pass: the z-loss and each layer's balance loss, (1 + layers,)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to logits (B, T, V) and ()."""
        with autocast(ids.device, self.dtype):
            logits, routing = self.model(ids)
        balance = [self.components.load_balancing_loss(layer.probs, layer.expert_ids) for layer in routing]
        z = sum(
            (self.components.router_z_loss(layer.logits) for layer in routing), torch.zeros((), device=logits.device)
        )
        self.losses.append(torch.stack([z, *balance]).detach())
        return logits, self.config.balance_weight * sum(balance, torch.zeros_like(z)) + self.config.z_weight * z
