"""Training: the loop, how it stops and how it goes on.

    trainer = Trainer(model, config, batches, validation=held_out, folder=Path("runs/tiny"), on_event=print)
    trainer.resume()  # goes on with the run in the folder, if there is one
    result = trainer.run()

The loop is `Trainer.run`, one step of it `Trainer.backward` and `Trainer.update`; everything else serves those three.
"""

import math
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from storyteller.config import ModelConfig, TrainConfig, from_dict, to_dict
from storyteller.errors import StorytellerError
from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.training import checkpoint as ckpt
from storyteller.training.batches import Batch
from storyteller.training.events import Evaluated, Event, Message, Saved, StepDone, StepLosses, TrainingResult
from storyteller.training.guards import explain_out_of_memory, stop_at_interrupt
from storyteller.training.losses import Loss, Metrics, cross_entropy, evaluate
from storyteller.training.mixed_precision import autocast, grad_scaler, probe_dtype
from storyteller.training.optim import (
    Clip,
    Groups,
    OptimizerFactory,
    Schedule,
    adamw,
    clip_gradients,
    cosine_schedule,
    parameter_groups,
)
from storyteller.training.rng_state import random_state, restore_random
from storyteller.transformer.decoder import Decoder

__all__ = [
    "Evaluated",
    "Event",
    "Message",
    "Metrics",
    "Saved",
    "StepDone",
    "Trainer",
    "TrainingResult",
    "adamw",
    "clip_gradients",
    "cosine_schedule",
    "cross_entropy",
    "evaluate",
    "parameter_groups",
    "probe_dtype",
]

Pass = tuple[Batch, float, float]  # a batch, its share of the step's targets, and of its tokens


class BatchSource(Protocol):
    """What the trainer draws from; `storyteller.training.batches.TrainingBatches` is one."""

    def __next__(self) -> Batch: ...
    def state_dict(self) -> dict[str, int]: ...
    def load_state_dict(self, state: dict[str, int]) -> None: ...


class Trainer:
    """Trains a model step by step; it can stop and go on at any step.

    Args:
        model: from `build_model`, in float32, on the device to train on.
        config: how to train.
        batches: endless, with a place that can be saved.
        validation: batches that each evaluation walks through; empty for no evaluation.
        folder: where checkpoints go; None keeps none.
        loss: called as `cross_entropy`.
        schedule: called as `cosine_schedule`; gives the share of `config.learning_rate`.
        optimizer: called as `adamw`.
        groups: called as `parameter_groups`; what the optimizer is given.
        clip: called as `clip_gradients`.
        balance: called as `load_balancing_loss`, for each layer.
        z: called as `router_z_loss`, likewise.
        on_event: is told of every step, evaluation, checkpoint and notice.
        tokenizer_fingerprint: kept in the checkpoints, so that another tokenizer is refused.
        byte_lengths: as in `evaluate`.
        parallel_microbatches: how many of a step's `config.grad_accum_steps` passes run at once, each on a thread of
            its own. The result is the same. On a CPU a small model's products are too short to be shared among cores;
            whole passes are not.
    """

    def __init__(
        self,
        model: Decoder,
        config: TrainConfig,
        batches: BatchSource,
        *,
        validation: Sequence[Batch] = (),
        folder: Path | None = None,
        loss: Loss = cross_entropy,
        schedule: Schedule = cosine_schedule,
        optimizer: OptimizerFactory = adamw,
        groups: Groups = parameter_groups,
        clip: Clip = clip_gradients,
        balance: Callable[..., Tensor] = load_balancing_loss,
        z: Callable[..., Tensor] = router_z_loss,
        on_event: Callable[[Event], None] | None = None,
        tokenizer_fingerprint: str | None = None,
        byte_lengths: Sequence[int] | None = None,
        parallel_microbatches: int = 1,
    ) -> None:
        self.model, self.config, self.batches, self.folder = model, config, batches, folder
        self.validation, self.byte_lengths = validation, byte_lengths
        self.loss, self.schedule, self.on_event = loss, schedule, on_event
        self.clip, self.balance, self.z = clip, balance, z
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._threads = ThreadPoolExecutor(parallel_microbatches) if parallel_microbatches > 1 else None
        self.optimizer = optimizer(groups(model, config.weight_decay), config)
        self.tokenizer_fingerprint = tokenizer_fingerprint
        self.device = next(model.parameters()).device
        self.step, self.tokens = 0, 0  # updates made, targets seen
        self.metrics: Metrics | None = None  # of the last evaluation
        self.saved: Path | None = None  # the last checkpoint
        self._pace: deque[tuple[int, float]] = deque(maxlen=20)  # tokens and seconds of the last steps
        self._use_dtype(probe_dtype(self.device) if config.dtype == "auto" else config.dtype)
        model.checkpoint_blocks = config.gradient_checkpointing

    def run(self) -> TrainingResult:
        """Train until the last step, or until Ctrl-C: then finish the step, keep a checkpoint and return.

        Raises:
            StorytellerError: the loss is no longer a number, memory ran out, a checkpoint could not be written, or the
                folder holds a run that this trainer has not resumed.
        """
        self._refuse_to_overwrite()
        self.model.train()
        with stop_at_interrupt() as interrupt, explain_out_of_memory(self.config):
            while self.step < self.config.steps and not interrupt.is_set():
                started = time.perf_counter()
                batches = [next(self.batches) for _ in range(self.config.grad_accum_steps)]
                losses = self.backward(batches)
                rate, norm, skipped = self.update()
                self.step += 1
                self.tokens += losses.n_targets
                self._report(losses, rate, norm, skipped, time.perf_counter() - started)
                if self._due(self.config.evaluate_every):
                    self._evaluate()
                if self._due(self.config.checkpoint_every):
                    self.save()
            self.save()
        interrupted = self.step < self.config.steps
        return TrainingResult(step=self.step, interrupted=interrupted, metrics=self.metrics, checkpoint=self.saved)

    def backward(self, batches: Sequence[Batch]) -> StepLosses:
        """Compute the gradients of one step from one or several batches, as if they were one large batch.

        Each batch's mean loss is weighted by its share of the step's targets, so the cross-entropy is that of one large
        batch; so is the z-loss, weighted by the share of the tokens. The balance loss is not: it multiplies, for each
        expert, two averages taken over one forward pass, and the mean of products is not the product of means. Every
        batch is balanced by itself, which asks for a little more than balance over the whole step.

        The auxiliary losses are summed over the layers: each router feels the same pressure however deep the model is.
        """
        self.optimizer.zero_grad()
        n_targets, n_tokens = sum(batch.n_targets for batch in batches), sum(batch.n_tokens for batch in batches)
        passes = [(one, one.n_targets / max(1, n_targets), one.n_tokens / max(1, n_tokens)) for one in batches]
        means: Tensor | float = 0.0
        for losses in self._in_turn(passes) if self._threads is None else self._at_once(passes, self._threads):
            means = means + losses
        loss_mean, z_mean, *balance_means = torch.as_tensor(means).tolist()
        if not math.isfinite(loss_mean):
            raise self._diverged("loss", loss_mean)
        return StepLosses(
            loss=loss_mean, balance_losses=tuple(balance_means), router_z_loss=z_mean, n_targets=n_targets
        )

    def _in_turn(self, passes: Sequence[Pass]) -> Iterator[Tensor]:
        """The losses of one pass after the other; each adds to the gradients in place, of which there is one set."""
        for one in passes:
            total, losses = self._read(*one)
            total.backward()
            yield losses

    def _at_once(self, passes: Sequence[Pass], threads: ThreadPoolExecutor) -> Iterator[Tensor]:
        """The same losses and gradients, to the last bit: they are added in the order of the passes too."""

        def gradients(one: Pass) -> tuple[Sequence[Tensor | None], Tensor]:
            total, losses = self._read(*one)
            # Not total.backward(): passes that run side by side would add to the same gradients at the same time.
            return torch.autograd.grad(total, self._trained, allow_unused=True), losses

        for found, losses in threads.map(gradients, passes):
            for parameter, gradient in zip(self._trained, found, strict=True):
                if gradient is not None:
                    parameter.grad = gradient.contiguous() if parameter.grad is None else parameter.grad.add_(gradient)
            yield losses

    def _read(self, batch: Batch, of_targets: float, of_tokens: float) -> tuple[Tensor, Tensor]:
        """What one forward pass adds to the step.

        Args:
            batch: the batch.
            of_targets: its share of the step's targets.
            of_tokens: its share of the step's tokens.

        Returns:
            what its gradient is taken of, scaled; and the batch's part of the cross-entropy, of the z-loss and of each
            layer's balance loss, (2 + layers,).
        """
        batch = batch.to(self.device)
        mask = batch.attention_mask
        with autocast(self.device, self.dtype):
            logits, routing = self.model(batch.inputs, attention_mask=mask)  # (B, T, V), a routing for each MoE layer
        loss = of_targets * self.loss(logits, batch.targets)
        balance = [of_tokens * self.balance(layer.probs, layer.expert_ids, attention_mask=mask) for layer in routing]
        z = of_tokens * sum((self.z(layer.logits, attention_mask=mask) for layer in routing), loss.new_zeros(()))
        total = loss + self.config.balance_weight * sum(balance) + self.config.z_weight * z
        return self.scaler.scale(total), torch.stack([loss, z, *balance]).detach()

    def update(self) -> tuple[float, float, bool]:
        """Clip the gradients, set the learning rate of this step and let the optimizer change the weights.

        Returns:
            the learning rate, the gradient's norm before clipping, and whether float16 made it skip the update.
        """
        config = self.config
        self.scaler.unscale_(self.optimizer)
        norm = self.clip(self.model.parameters(), config.max_grad_norm).item()
        if not math.isfinite(norm) and (not self.scaler.is_enabled() or self.scaler.get_scale() < 1):
            raise self._diverged("gradient", norm)
        warmup = round(config.warmup_ratio * config.steps)
        rate = config.learning_rate * self.schedule(
            self.step, steps=config.steps, warmup=warmup, final=config.min_lr_ratio
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimizer)  # under float16, not if the gradient overflowed
        self.scaler.update()
        return rate, norm, not math.isfinite(norm)

    def save(self) -> None:
        """Write a checkpoint of this moment, unless there is one or there is no folder."""
        if self.folder is None or self.saved == ckpt.path_of(self.folder, self.step):
            return
        self.saved = ckpt.save_checkpoint(self.folder, self.capture(), keep=self.config.keep_checkpoints)
        self._tell(Saved(step=self.step, path=self.saved))

    def resume(self) -> bool:
        """Go on from the newest sound checkpoint in the folder.

        Returns:
            False where the folder has no checkpoint yet: the run starts at the beginning.

        Raises:
            StorytellerError: every checkpoint is damaged, or they belong to another model, tokenizer or corpus.
        """
        if self.folder is None or not ckpt.list_checkpoints(self.folder):
            return False
        checkpoint = ckpt.load_checkpoint(self.folder, fingerprint=self.tokenizer_fingerprint, notice=self._notice)
        self.restore(checkpoint)
        ckpt.set_aside_after(self.folder, checkpoint.step)
        self.saved = ckpt.path_of(self.folder, checkpoint.step)
        return True

    def capture(self) -> ckpt.Checkpoint:
        """All that the rest of the run depends on."""
        return ckpt.Checkpoint(
            step=self.step,
            weights=ckpt.model_weights(self.model),
            state=ckpt.optimizer_state(self.optimizer, self.model) | random_state(),
            values={
                "tokens": self.tokens,
                "data": self.batches.state_dict(),
                "scaler": self.scaler.state_dict(),
                "dtype": self.dtype,
                "tokenizer": self.tokenizer_fingerprint,
                "metrics": None if self.metrics is None else asdict(self.metrics),
                "train_config": to_dict(self.config),
                "model_config": to_dict(self.model.config),
                "replaced_parts": list(self.model.replaced_parts),
            },
        )

    def restore(self, checkpoint: ckpt.Checkpoint) -> None:
        """Go to a captured moment.

        Raises:
            StorytellerError: it belongs to another model or corpus.
        """
        values, own = checkpoint.values, to_dict(self.model.config)
        for name, value in to_dict(from_dict(ModelConfig, values["model_config"])).items():
            if own[name] != value:
                raise StorytellerError(f"The run's model has {name} {value}, this one {own[name]}: make them equal.")
        ckpt.refuse_other_parts(self.model, values)
        ckpt.restore_weights(self.model, checkpoint.weights)
        ckpt.restore_optimizer(self.optimizer, self.model, checkpoint.state)
        self.batches.load_state_dict(values["data"])
        if self.config.dtype == "auto":  # another probe might choose another dtype
            self._use_dtype(values["dtype"])
        if self.scaler.is_enabled() and values["scaler"]:
            self.scaler.load_state_dict(values["scaler"])
        self.step, self.tokens = checkpoint.step, values["tokens"]
        self.metrics = None if values["metrics"] is None else Metrics(**values["metrics"])
        for name, value in to_dict(self.config).items():
            if values["train_config"].get(name, value) != value:
                self._notice(f"The run began with {name} {values['train_config'][name]}; it goes on with {value}.")
        restore_random(checkpoint.state)

    def _use_dtype(self, dtype: str) -> None:
        self.dtype = dtype
        self.scaler = grad_scaler(self.device, dtype)

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.config.steps

    def _evaluate(self) -> None:
        if not self.validation:
            return
        self.metrics = evaluate(
            self.model, self.validation, loss=self.loss, dtype=self.dtype, byte_lengths=self.byte_lengths
        )
        self._tell(Evaluated(step=self.step, metrics=self.metrics))

    def _report(self, losses: StepLosses, rate: float, norm: float, skipped: bool, seconds: float) -> None:
        self._pace.append((losses.n_targets, seconds))
        tokens, elapsed = (sum(column) for column in zip(*self._pace, strict=True))
        self._tell(
            StepDone(
                step=self.step,
                steps=self.config.steps,
                loss=losses.loss,
                balance_losses=losses.balance_losses,
                router_z_loss=losses.router_z_loss,
                learning_rate=rate,
                gradient_norm=norm,
                skipped=skipped,
                tokens=self.tokens,
                tokens_per_second=tokens / elapsed,
                seconds_left=(self.config.steps - self.step) * elapsed / len(self._pace),
            )
        )

    def _tell(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)

    def _notice(self, text: str) -> None:
        if self.on_event is None:  # never silently
            warnings.warn(text, stacklevel=2)
        self._tell(Message(text=text))

    def _refuse_to_overwrite(self) -> None:
        if self.folder is not None and self.saved is None and ckpt.list_checkpoints(self.folder):
            raise StorytellerError(
                f"{self.folder} already holds a run: go on with it (Trainer.resume), or choose another folder."
            )

    def _diverged(self, what: str, value: float) -> StorytellerError:
        kept = f"the last good checkpoint is {self.saved}" if self.saved else "no checkpoint was written yet"
        return StorytellerError(
            f"The {what} became {value} at step {self.step + 1}, so training stopped; {kept}. Go on from there with a "
            f"learning rate below {self.config.learning_rate}, or in float32 if it ran in {self.dtype}."
        )
