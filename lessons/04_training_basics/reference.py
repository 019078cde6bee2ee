"""The answers of lesson 04, plain, in its order.

A model here is called with token ids, (B, T), and gives back its logits, (B, T, V), and an auxiliary loss, (): the
weighted load-balance loss of a Mixture of Experts, 0 for a dense model.
"""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from storyteller.training.batches import IGNORE_INDEX
from storyteller_course.lesson_tools.training_basics import Pair


def pack(documents: list[list[int]], end_id: int, seq_len: int) -> Pair:
    """Cut documents into training sequences without padding.

    Args:
        documents: token ids, a list for each document.
        end_id: the token that closes every document.
        seq_len: T, tokens in a sequence.

    Returns:
        Inputs and targets, each (B, T) int64, where B is as large as the tokens allow.
    """
    # Step 1: One plain list of all tokens, each document followed by `end_id`.
    stream = [token for document in documents for token in [*document, end_id]]
    # Step 2: How many rows of `seq_len` questions does it have?
    n_rows = (len(stream) - 1) // seq_len
    # Step 3: The inputs are the first B * T tokens, in rows of T.
    inputs = torch.tensor(stream[: n_rows * seq_len], dtype=torch.int64).view(n_rows, seq_len)  # (B, T)
    # Step 4: The targets: the same, moved.
    targets = torch.tensor(stream[1 : n_rows * seq_len + 1], dtype=torch.int64).view(n_rows, seq_len)  # (B, T)
    return inputs, targets


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean surprise -log p(target), in nats, of the targets that count.

    Args:
        logits: (B, T, V), in any floating-point type.
        targets: (B, T) int64; -100 (`IGNORE_INDEX`) where there is nothing to predict.

    Returns:
        (), in float32 at least; 0 where no target counts.
    """
    # Goal: The mean of -log p over the targets that count, in float32 at least.
    # Step 1: Into float32 where the logits are coarser: a sum over a whole vocabulary needs the digits.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    # Step 2: log p of each token: its logit minus the logsumexp of all.
    log_p = logits - logits.logsumexp(dim=-1, keepdim=True)  # (B, T, V)
    # Step 3: Which targets count? Keep their places only.
    counted = targets != IGNORE_INDEX
    # Step 4: At each of these places the log p of its target.
    chosen = log_p[counted].gather(-1, targets[counted][:, None])  # (targets that count, 1)
    # Step 5: The mean of -log p; without any target it is 0.
    return -chosen.sum() / max(1, len(chosen))


def evaluate(model: nn.Module, batches: Sequence[Pair], text: str) -> dict[str, float]:
    """How well a model predicts a text that it has not learned from.

    Args:
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T).
        batches: inputs and targets, (B, T) each; they may differ in size. Targets of
            -100 do not count.
        text: the text that all these targets together stand for.

    Returns:
        "loss" in nats a target, "perplexity", and "bits_per_byte" of the text in UTF-8.
        The model is left in the mode that it was in.
    """
    # Goal: All targets of all batches, each counted once; then the three figures.
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
        The new parameter, and the new state: "step" (updates made), "mean" and
        "square", in the parameter's shape.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", algorithm 2.
    """
    # Goal: The formulas above, from the state to the new parameter.
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


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Split a model's parameters into those that decay and those that do not.

    Args:
        model: any model. Parameters that are not trained are left out, and a weight
            that two layers share counts once.
        weight_decay: of the first group.

    Returns:
        Two groups for an optimizer, {"params": [...], "weight_decay": ...}: first the
        matrices, then the vectors (norms and biases) with a decay of 0. Both keep the
        order of `model.parameters()`.
    """
    # Matrices decay, and nothing else does.
    decay, rest = [], []
    for parameter in model.parameters():
        if parameter.requires_grad:
            group = decay if parameter.dim() >= 2 else rest
            group.append(parameter)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def learning_rate(step: int, *, steps: int, warmup: int, min_lr_ratio: float) -> float:
    """The learning rate of an update, as a share of the highest one.

    Args:
        step: updates already made: 0 for the first update, steps - 1 for the last.
        steps: updates in the whole run.
        warmup: updates in the climb; 0 for none. The last of them has the share 1.
        min_lr_ratio: the share of the very last update.

    Returns:
        A share between 0 and 1. Whoever goes on after the last update stays at the
        lowest.
    """
    # Step 1: In the warmup: a straight line that reaches 1 with the last of its updates.
    if step < warmup:
        return (step + 1) / warmup
    # Step 2: Afterwards: how much of the way down is done, p, which is 1 for the very last update, and not more later?
    done = min(1.0, (step + 1 - warmup) / max(1, steps - warmup))
    # Step 3: Half a cosine from 1 down to the lowest share.
    return min_lr_ratio + (1 - min_lr_ratio) * (1 + math.cos(math.pi * done)) / 2


def clip_gradients(
    gradients: list[Tensor],
    max_norm: float,
) -> tuple[Tensor, list[Tensor]]:
    """Shorten the gradients of all parameters, taken as one long vector.

    Args:
        gradients: of any shapes; they are not changed.
        max_norm: the greatest length.

    Returns:
        The length before, (), and the gradients after, at most `max_norm` long. Where
        the length is not finite they are given back as they are.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", algorithm 1.
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
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T). What was
            in its gradients is dropped.
        batches: inputs and targets, (B, T) each; they may differ in size. Targets of
            -100 do not count.

    Returns:
        The mean cross-entropy of all targets. The model's gradients are those of that
        mean plus the mean of the auxiliary losses, weighted by the tokens of each
        micro-batch.
    """
    # Goal: The gradients that one large batch would give, a micro-batch at a time.
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
    model: nn.Module,
    batches: Sequence[Pair],
    *,
    epochs: int,
    every: int,
    rate: float,
    warmup: int,
    look: Callable[[int], object] | None = None,
) -> list[dict[str, float]]:
    """Train a model, with an update after every `every` micro-batches.

    AdamW with betas of 0.9 and 0.95 and a decay of 0.1 for the matrices; gradients are
    clipped to a length of 1; the rate falls to a tenth of the highest. The functions
    that you have written do most of it.

    Args:
        model: gives logits (B, T, V) and an auxiliary loss for inputs (B, T). It may be
            in evaluation mode when it comes.
        batches: micro-batches, in the order of an epoch; they may differ in size.
        epochs: how often to go through them.
        every: micro-batches in an update. What is left over at the end of an epoch,
            fewer than that, makes an update of its own.
        rate: the highest learning rate.
        warmup: updates in the climb.
        look: called after each update with the number of updates made so far.

    Returns:
        For each update "loss", "rate" and "norm", the length of the gradient before it
        is clipped.
    """
    # Step 1: Cut the micro-batches into groups, the last of an epoch as it is. How many updates will there be?
    pieces = [batches[start : start + every] for start in range(0, len(batches), every)]
    steps, states, records = epochs * len(pieces), {}, []
    groups = decay_groups(model, 0.1)
    for step in range(steps):
        # Step 2: Training mode, then the gradients of this update's group.
        model.train()
        loss = accumulate(model, pieces[step % len(pieces)])
        # Step 3: Clip all of them together, and ask the schedule with the number of updates made.
        parameters = [one for group in groups for one in group["params"]]
        norm, clipped = clip_gradients([one.grad for one in parameters], 1.0)
        now = rate * learning_rate(step, steps=steps, warmup=warmup, min_lr_ratio=0.1)
        # Step 4: A step of AdamW for each parameter, with its group's decay; each keeps its own averages.
        decays = [group["weight_decay"] for group in groups for _ in group["params"]]
        for one, gradient, decay in zip(parameters, clipped, decays, strict=True):
            old = states.get(one, {})
            new, states[one] = adamw_step(one.detach(), gradient, old, lr=now, weight_decay=decay)
            one.data.copy_(new)
        # Step 5: Write down what happened, then let the caller look.
        records.append({"loss": loss, "rate": now, "norm": float(norm)})
        if look:
            look(step + 1)
    return records


class Checkpoint:
    """The state of a run in one file, which is whole at every moment.

    Args:
        folder: where the file lies.

    A run has `model`, `optimizer` and `batches`, each with `state_dict()` and
    `load_state_dict(state)`; a `generator` of random numbers, with `get_state()` and
    `set_state(state)`; and `step`, a number.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.path = Path(folder) / "checkpoint.pt"

    def save(self, run: Any) -> None:
        """Write all that the rest of the run depends on.

        Whoever is killed meanwhile still has the file before.
        """
        # Goal: The run's state in `self.path`, which holds a whole checkpoint at every
        # moment.
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
        # Goal: The run goes on as if it had never stopped. No code in the file may run.
        # Step 4: Read the file; weights_only=True refuses files that carry code.
        state = torch.load(self.path, weights_only=True)
        # Step 5: Give all five parts their state back.
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.batches.load_state_dict(state["batches"])
        run.generator.set_state(state["generator"])
        run.step = state["step"]


def newton_schulz(gradient: Tensor, *, steps: int = 5) -> Tensor:
    """A matrix with the same directions, and all singular values near 1.

    Args:
        gradient: (rows, columns), any two sizes.
        steps: of the iteration.

    Returns:
        (rows, columns), nearly orthogonal.

    Source: Keller Jordan and others, "Muon: An optimizer for hidden layers in neural
    networks" (2024), with the coefficients given there.
    """
    # Goal: The iteration above, on the smaller side of the matrix.
    a, b, c = 3.4445, -4.7750, 2.0315
    # Step 1: Work on a matrix that has no more rows than columns: turn a tall one, and turn it back at the end.
    is_tall = gradient.size(0) > gradient.size(1)
    x = gradient.mT if is_tall else gradient
    # Step 2: Divide by the root of the sum of all squares, so that no singular value is above 1.
    x = x / (x.norm() + 1e-7)
    # Step 3: So many times: the odd polynomial, of which every singular value becomes one nearer to 1.
    for _step in range(steps):
        square = x @ x.mT  # (rows, rows)
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if is_tall else x
