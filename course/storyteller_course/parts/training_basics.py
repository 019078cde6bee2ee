"""Lesson 04: what a training run is made of, each piece by itself.

A model here is called with token ids, (B, T), and gives back its logits, (B, T, V), and an auxiliary loss, (): the
weighted load-balance loss of a Mixture of Experts, 0 for a dense model. `WithBalance` makes one of the library's.
"""

import math
import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # seconds that the first optimizer would take in the middle of a timed check
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from storyteller.config import TrainConfig
from storyteller.moe.losses import load_balancing_loss
from storyteller.training.batches import IGNORE_INDEX
from storyteller.training.losses import cross_entropy
from storyteller.training.optim import OptimizerFactory
from storyteller.training.optim import cosine_schedule as learning_rate
from storyteller.training.optim import parameter_groups as decay_groups
from storyteller.transformer.decoder import Decoder

__all__ = [
    "IGNORE_INDEX",
    "Checkpoint",
    "Pair",
    "PeakMemory",
    "WithBalance",
    "accumulate",
    "adamw_step",
    "as_optimizer",
    "clip_gradients",
    "cross_entropy",
    "decay_groups",
    "evaluate",
    "learning_rate",
    "pack",
    "train",
    "update_scale",
]

Pair = tuple[Tensor, Tensor]  # inputs and targets, (B, T) int64 each


class WithBalance(nn.Module):
    """The library's model as this lesson calls it: logits, and the weighted load-balance loss of all layers."""

    def __init__(self, model: Decoder, *, balance_weight: float = 0.01) -> None:
        super().__init__()
        self.model, self.balance_weight = model, balance_weight

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) to logits (B, T, V) and ()."""
        logits, routing = self.model(ids)
        total = sum((load_balancing_loss(layer.probs, layer.expert_ids) for layer in routing), logits.new_zeros(()))
        return logits, self.balance_weight * total


def pack(documents: list[list[int]], end_id: int, seq_len: int) -> Pair:
    """Cut documents into training sequences without padding.

    Args:
        documents: token ids, a list for each document.
        end_id: the token that closes every document.
        seq_len: T, tokens in a sequence.

    Returns:
        Inputs and targets, each (B, T) int64, where B is as large as the tokens allow.
    """
    # Step 1: One long list: the documents one behind the other, the end token behind each.
    stream = [token for document in documents for token in [*document, end_id]]
    # Step 2: How many whole sequences fit? Each target is the token one place on, so one token more is needed.
    n_rows = (len(stream) - 1) // seq_len
    # Step 3: The inputs are the first B * T tokens, in rows of T.
    inputs = torch.tensor(stream[: n_rows * seq_len], dtype=torch.int64).view(n_rows, seq_len)  # (B, T)
    # Step 4: The targets are the same stream from its second token on.
    targets = torch.tensor(stream[1 : n_rows * seq_len + 1], dtype=torch.int64).view(n_rows, seq_len)  # (B, T)
    return inputs, targets


def evaluate(model: nn.Module, batches: Sequence[Pair], text: str) -> dict[str, float]:
    """How well a model predicts a text that it has not learned from.

    Args:
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T).
        batches: inputs and targets, (B, T) each; they may differ in size. Targets of -100 do not count.
        text: the text that all these targets together stand for.

    Returns:
        "loss" in nats a target, "perplexity", and "bits_per_byte" of the text in UTF-8. The model is left in the mode
        that it was in.
    """
    # Step 1: Remember whether the model is in training mode, and put it into evaluation mode.
    was_training = model.training
    model.eval()
    nats, n_targets = 0.0, 0
    with torch.no_grad():  # nothing is learned here, so no activation need be kept
        for inputs, targets in batches:
            # Step 2: The logits; the auxiliary loss says nothing about the text.
            logits, _ = model(inputs)
            # Step 3: How many targets count here? Add their surprise: the batch's mean times that number.
            counted = int((targets != IGNORE_INDEX).sum())
            nats += cross_entropy(logits, targets).item() * counted
            n_targets += counted
    # Step 4: Back into the mode that it was in.
    model.train(was_training)
    # Step 5: Nats a target; e to that; and all the bits over all the bytes.
    loss = nats / n_targets
    bits_per_byte = nats / math.log(2) / len(text.encode("utf-8"))
    return {"loss": loss, "perplexity": math.exp(loss), "bits_per_byte": bits_per_byte}


def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Any],
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
    weight_decay: float = 0.1,
) -> tuple[Tensor, dict[str, Any]]:
    """One update of one parameter with AdamW.

    Args:
        parameter: any shape; it is not changed.
        gradient: in the same shape.
        state: what the step before gave back; {} before the first.
        lr: the learning rate of this step.
        betas: how much of the old averages is kept, of the gradient and of its square.
        eps: keeps the division finite.
        weight_decay: lambda.

    Returns:
        The new parameter, and the new state: "step" (updates made), "mean" and "square", in the parameter's shape.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2.
    """
    # Step 1: Count the step from 1; before the first one both averages are zero.
    step = state.get("step", 0) + 1
    mean = state.get("mean", torch.zeros_like(parameter))
    square = state.get("square", torch.zeros_like(parameter))
    # Step 2: The running averages m of the gradient and v of its square.
    mean = betas[0] * mean + (1 - betas[0]) * gradient
    square = betas[1] * square + (1 - betas[1]) * gradient**2
    # Step 3: Take their bias towards zero out.
    mean_hat = mean / (1 - betas[0] ** step)
    square_hat = square / (1 - betas[1] ** step)
    # Step 4: Decay the parameter itself, apart from the gradient.
    decayed = parameter * (1 - lr * weight_decay)
    # Step 5: Go against the mean, in units of the root of the square.
    new = decayed - lr * mean_hat / (square_hat.sqrt() + eps)
    return new, {"step": step, "mean": mean, "square": square}


def clip_gradients(gradients: list[Tensor], max_norm: float) -> tuple[Tensor, list[Tensor]]:
    """Shorten the gradients of all parameters, taken as one long vector, to at most `max_norm`.

    Args:
        gradients: of any shapes; they are not changed.
        max_norm: the greatest length.

    Returns:
        The length before, (), and the gradients after. Where the length is not finite they are given back as they are.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", algorithm 1.
    """
    # Step 1: The length of all of them as one vector: the root of the sum of all squares.
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    # Step 2: Nothing to do where it is short enough, and nothing can be done where it is not a finite number.
    if norm <= max_norm or not torch.isfinite(norm):
        return norm, gradients
    # Step 3: Multiply all of them by one and the same factor.
    return norm, [gradient * (max_norm / norm) for gradient in gradients]


def accumulate(model: nn.Module, batches: Sequence[Pair]) -> float:
    """Compute the gradients of one update from several micro-batches.

    Args:
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T). What was in its gradients is dropped.
        batches: inputs and targets, (B, T) each; they may differ in size. Targets of -100 do not count.

    Returns:
        The mean cross-entropy of all targets. The model's gradients are those of that mean plus the mean of the
        auxiliary losses, weighted by the tokens of each micro-batch.
    """
    # Step 1: Drop what an earlier step left in the gradients.
    model.zero_grad()
    # Step 2: All targets that count, and all tokens, of all micro-batches together.
    n_targets = sum(int((targets != IGNORE_INDEX).sum()) for _, targets in batches)
    n_tokens = sum(inputs.numel() for inputs, _ in batches)
    mean = 0.0
    for inputs, targets in batches:
        logits, auxiliary = model(inputs)
        # Step 3: The cross-entropy, weighted by this micro-batch's share of the targets.
        loss = cross_entropy(logits, targets) * int((targets != IGNORE_INDEX).sum()) / n_targets
        # Step 4: Add the auxiliary loss by the share of the tokens; backward adds to the gradients.
        (loss + auxiliary * inputs.numel() / n_tokens).backward()
        mean += loss.item()
    return mean


def train(
    model: nn.Module, batches: Sequence[Pair], *, epochs: int, every: int, rate: float, warmup: int
) -> list[float]:
    """Train a model, with an update after every `every` micro-batches.

    Args:
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T).
        batches: micro-batches of one size, in the order of an epoch.
        epochs: how often to go through them.
        every: micro-batches in an update. What is left over at the end of an epoch, fewer than that, makes an update of
            its own, with the mean over the micro-batches that it has.
        rate: the highest learning rate.
        warmup: updates in the climb.

    Returns:
        The learning rate of each update.
    """
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    groups = [batches[start : start + every] for start in range(0, len(batches), every)]
    steps, rates = epochs * len(groups), []
    for step in range(steps):
        group = groups[step % len(groups)]
        for inputs, targets in group:
            logits, auxiliary = model(inputs)
            loss = cross_entropy(logits, targets) + auxiliary
            (loss / len(group)).backward()
        rates.append(rate * learning_rate(step, steps=steps, warmup=warmup, final=0.1))
        optimizer.param_groups[0]["lr"] = rates[-1]
        optimizer.step()
        optimizer.zero_grad()
    return rates


class Checkpoint:
    """The state of a run in one file, which is whole at every moment.

    Args:
        folder: where the file lies.

    A run has `model`, `optimizer` and `batches`, each with `state_dict()` and `load_state_dict(state)`; a
    `generator` of random numbers, with `get_state()` and `set_state(state)`; and `step`, a number.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run: Any) -> None:
        """Write all that the rest of the run depends on. Whoever is killed meanwhile still has the file before."""
        # Step 1: Gather the five states in a dictionary.
        state = {
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "batches": run.batches.state_dict(),
            "generator": run.generator.get_state(),
            "step": run.step,
        }
        # Step 2: Write it (torch.save) under another name in the same folder.
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        # Step 3: Put it in the old one's place in a single move (os.replace).
        os.replace(partial, self.path)

    def load(self, run: Any) -> None:
        """Put a run, just built, where the saved one was."""
        # Step 4: Read the file; weights_only=True refuses files that carry code.
        state = torch.load(self.path, weights_only=True)
        # Step 5: Give all five parts their state back.
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.batches.load_state_dict(state["batches"])
        run.generator.set_state(state["generator"])
        run.step = state["step"]


def update_scale(
    scale: float, good: int, gradients: list[Tensor], *, interval: int = 2000
) -> tuple[float, int, list[Tensor] | None]:
    """What a gradient scaler does after the backward pass of a scaled loss.

    Args:
        scale: the number that the loss was multiplied with.
        good: steps since the scale last changed.
        gradients: of the scaled loss, in float16; they are not changed.
        interval: so many good steps in a row double the scale.

    Returns:
        The scale and the count for the next step, and the gradients in float32 with the scale taken out, or None when
        the update must be skipped.

    Source: Micikevicius et al., "Mixed Precision Training", section 3.2; the numbers are PyTorch's.
    """
    # Step 1: Go to float32 first, then divide by the scale.
    unscaled = [gradient.float() / scale for gradient in gradients]
    # Step 2: An infinity or a nan anywhere: half the scale, the count starts anew, and no update.
    if not all(gradient.isfinite().all() for gradient in unscaled):
        return scale / 2, 0, None
    # Step 3: One good step more; after `interval` of them double the scale and start counting anew.
    good += 1
    if good == interval:
        return scale * 2, 0, unscaled
    return scale, good, unscaled


# --- Measured and shown ---------------------------------------------------------------------------------------------


class PeakMemory(TorchDispatchMode):
    """Within it, the bytes of all tensors made and not yet let go are counted; `peak` is the most at any moment.

    It sees every operation, those of the backward pass included, and a storage that several tensors share once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 0, 0
        self.known: dict[int, weakref.ref] = {}  # storages, by identity

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._note(value.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return

        def gone(_: Any) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


# --- The pieces in the library's trainer ---------------------------------------------------------------------------


class _StepByStep(torch.optim.Optimizer):
    """An optimizer that updates each parameter with a function such as `adamw_step`."""

    def __init__(self, groups: Iterable[dict[str, Any]], step_function: Callable[..., Any], options: dict[str, Any]):
        super().__init__(groups, options)
        self.step_function = step_function

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            options = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    new, state = self.step_function(parameter, parameter.grad, self.state[parameter], **options)
                    parameter.copy_(new)
                    self.state[parameter] = state


def as_optimizer(step_function: Callable[..., Any]) -> OptimizerFactory:
    """Make what `Trainer` takes as its `optimizer` out of a function such as `adamw_step`."""

    def build(groups: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
        options = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "eps": 1e-8, "weight_decay": 0.0}
        return _StepByStep(groups, step_function, options)

    return build
