"""The training loop: how it makes a step, how it stops and how it goes on.

    trainer = Trainer(model, config, batches, validation=held_out, folder=Path("runs/tiny"), on_event=print)
    trainer.resume()  # goes on with the run in the folder, if there is one
    result = trainer.run()

Read from `Trainer.run`: a run is `train_step` again and again, a step is `backward`, whose passes are in passes.py, and
`update`.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from storyteller.config import ModelConfig, TrainConfig, from_dict, to_dict
from storyteller.errors import StorytellerError
from storyteller.moe.layer import MoELayer
from storyteller.moe.router import update_bias
from storyteller.tokenizer import Tokenizer
from storyteller.training import checkpoint as ckpt
from storyteller.training.batches import Batch, BatchSource
from storyteller.training.compilation import compiles, use_compiled_blocks
from storyteller.training.components import LIBRARY_COMPONENTS, TrainerComponents
from storyteller.training.events import Evaluated, Event, Message, Pace, Saved, StepLosses, TrainingResult, Update
from storyteller.training.interrupts import graceful_interrupt
from storyteller.training.losses import Metrics, byte_lengths, evaluate
from storyteller.training.mixed_precision import flush_denormals, grad_scaler
from storyteller.training.out_of_memory import explain_oom
from storyteller.training.passes import Microbatch, PassLosses, make_passes
from storyteller.training.processes import ONE_PROCESS, OneProcess
from storyteller.training.rng_state import random_state, restore_random
from storyteller.training.step_timing import candidate_dtypes, fastest_dtype
from storyteller.transformer.decoder import Decoder, Output

REPORT_EVERY = 10  # steps on a GPU, after which their losses are read


class UntoldStep(NamedTuple):
    """A step whose update was made, with figures that are still on the device."""

    step: int
    tokens: int  # targets seen so far
    n_targets: int
    totals: PassLosses
    gradient_norm: Tensor  # ()
    learning_rate: float


class Trainer:
    """Trains a model step by step; it can stop and go on at any step.

    Args:
        model: from `build_model`, in float32, on the device to train on.
        config: how to train.
        batches: endless, with a place that can be saved.
        validation: batches that each evaluation walks through; empty for no evaluation.
        tokenizer: the one that made the batches. Its fingerprint is kept in the checkpoints, so that another is
            refused; with it, evaluations give bits per byte.
        folder: where checkpoints go; None keeps none.
        on_event: called with each step, evaluation, checkpoint and message; see also `subscribe`.
        components: the functions that it works with.
        parallel_microbatches: how many of a step's `config.grad_accum_steps` passes run at once, each on a thread of
            its own. The result is the same. On a CPU a small model's products are too short to be shared among cores;
            whole passes are not. Compiled blocks make one pass at a time.
        processes: among which each step is shared out; by default there is only this one.
        report_every: after how many steps their losses are read and told of; by default 1, and 10 on a GPU, which
            computes what it is given ahead of time, but not while somebody waits to read a loss. Evaluations and
            checkpoints come after all steps before them. Under float16, with several processes and with
            `components.gradients`, each step is read at once.
    """

    def __init__(
        self,
        model: Decoder,
        config: TrainConfig,
        batches: BatchSource,
        *,
        validation: Sequence[Batch] = (),
        tokenizer: Tokenizer | None = None,
        folder: Path | None = None,
        on_event: Callable[[Event], None] | None = None,
        components: TrainerComponents = LIBRARY_COMPONENTS,
        parallel_microbatches: int = 1,
        processes: OneProcess = ONE_PROCESS,
        report_every: int | None = None,
    ) -> None:
        if model.config.balance == "bias" and components.gradients is not None:
            raise StorytellerError(
                "The bias of this model's routers needs the trainer's own passes, which count each expert's choices: "
                "train it without another accumulation of gradients, or with balance 'loss'."
            )
        self.model, self.config, self.batches, self.validation = model, config, batches, validation
        self.folder, self.components, self.processes = folder, components, processes
        self.tokenizer_fingerprint = None if tokenizer is None else tokenizer.fingerprint
        self.byte_lengths = None if tokenizer is None else byte_lengths(tokenizer)
        self.device = next(model.parameters()).device
        self.compiled = compiles(config.compile, self.device)
        model.checkpoint_blocks = config.gradient_checkpointing
        self.wrapped = processes.wrap(model)  # before the optimizer, which needs to know the parameters as they stay
        use_compiled_blocks(model, self.compiled)
        self.optimizer = components.optimizer(components.parameter_groups(model, config.weight_decay), config)
        self.report_every = report_every or (REPORT_EVERY if self.device.type == "cuda" else 1)
        self._untold: list[UntoldStep] = []
        self._untold_seconds = 0.0  # that these took
        self.step, self.tokens = 0, 0  # updates made, targets seen
        self._choices: Tensor | None = None  # (layers, E), of the step's passes
        self.metrics: Metrics | None = None  # of the last evaluation
        self.saved: Path | None = None  # the last checkpoint
        self._saver: ThreadPoolExecutor | None = None  # writes checkpoints while training goes on
        self._saving: tuple[int, Future[Path]] | None = None  # the step of the one that is being written
        self._handlers = [] if on_event is None else [on_event]
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._pace = Pace()
        self.use_parallel_microbatches(parallel_microbatches)
        # Where there is a choice, `run` makes it: a run that is resumed has its dtype already.
        self.use_dtype(candidate_dtypes(self.device)[0] if config.dtype == "auto" else config.dtype)

    # --- The run ------------------------------------------------------------------------------------------------------

    def run(self) -> TrainingResult:
        """Train until the last step, or until Ctrl-C: then finish the step, keep a checkpoint and return.

        Raises:
            StorytellerError: the loss is no longer a number, memory ran out, a checkpoint could not be written, or the
                folder holds a run that this trainer has not resumed.
        """
        if self.folder is not None and self.saved is None and ckpt.list_checkpoints(self.folder):
            raise StorytellerError(
                f"{self.folder} already holds a run: go on with it (Trainer.resume), or choose another folder."
            )
        self.model.train()
        with graceful_interrupt() as interrupt, explain_oom(self.config), flush_denormals():
            if self.config.dtype == "auto" and self.step == 0:
                self.use_dtype(fastest_dtype(self))
            while self.step < self.config.steps and not self.processes.stops(interrupt.is_set()):
                self.train_step()
                self._note_saved(wait=False)
                if self.validation and self._due(self.config.evaluate_every):
                    self.report()
                    self.metrics = evaluate(
                        self.model,
                        self.validation,
                        loss=self.components.loss,
                        dtype=self.dtype,
                        byte_lengths=self.byte_lengths,
                        processes=self.processes,
                    )
                    self._emit(Evaluated(step=self.step, metrics=self.metrics))
                if self._due(self.config.checkpoint_every):
                    self.save()
            self.report()
            self.save()
            self._note_saved(wait=True)
        interrupted = self.step < self.config.steps
        return TrainingResult(step=self.step, interrupted=interrupted, metrics=self.metrics, checkpoint=self.saved)

    def set_total_steps(self, steps: int) -> None:
        """Make the run longer or shorter than `config.steps`; the schedule follows from the next step on."""
        self.config = replace(self.config, steps=steps)

    def train_step(self) -> None:
        """Make one update of the weights, and tell of it: at once, or together with others (`report_every`)."""
        started = time.perf_counter()
        batches = self.processes.draw(self.batches, self.config.grad_accum_steps)
        if self.report_every == 1 or self._reads_each_step:
            losses = self.backward(batches)
            self.finish_step(losses, self.update(), seconds=time.perf_counter() - started)
            return
        totals, n_targets = make_passes(self, batches)
        self._choices = totals.choices
        norm = self._clip()
        learning_rate = self._apply()
        self.step, self.tokens = self.step + 1, self.tokens + n_targets
        self._untold.append(UntoldStep(self.step, self.tokens, n_targets, totals, norm, learning_rate))
        self._untold_seconds += time.perf_counter() - started
        if len(self._untold) >= self.report_every:
            self.report()

    @property
    def _reads_each_step(self) -> bool:
        """Whether a step itself needs numbers that only its end gives."""
        return self.scaler.is_enabled() or not self.processes.alone or self.components.gradients is not None

    def report(self) -> None:
        """Read the losses of the steps that nobody was told of yet, and tell of them.

        Raises:
            StorytellerError: the loss or the gradient of one of them is no longer a number.
        """
        started = time.perf_counter()
        steps, self._untold = self._untold, []
        read = [(step.totals.read(step.n_targets), float(step.gradient_norm)) for step in steps]
        seconds, self._untold_seconds = self._untold_seconds + time.perf_counter() - started, 0.0
        for step, (losses, norm) in zip(steps, read, strict=True):
            self._require_finite("loss", losses.loss, step=step.step)
            self._require_finite("gradient", norm, step=step.step)
            update = Update(step.learning_rate, norm, skipped=False)
            took = seconds / len(steps)
            self._emit(
                self._pace.step_done(
                    losses, update, step=step.step, steps=self.config.steps, tokens=step.tokens, seconds=took
                )
            )

    def finish_step(
        self, losses: StepLosses, update: Update, *, seconds: float, figures: Mapping[str, float] | None = None
    ) -> None:
        """Count a step that took so many seconds, and tell of it."""
        self.step, self.tokens = self.step + 1, self.tokens + losses.n_targets
        self._emit(
            self._pace.step_done(
                losses,
                update,
                step=self.step,
                steps=self.config.steps,
                tokens=self.tokens,
                seconds=seconds,
                figures=figures,
            )
        )

    # --- One step -----------------------------------------------------------------------------------------------------

    def backward(self, batches: Sequence[Batch]) -> StepLosses:
        """Compute the gradients of one step from one or several batches, as if they were one large batch."""
        if self.components.gradients is not None and not self.scaler.is_enabled():
            self.optimizer.zero_grad()
            losses = self.components.gradients(self, batches)
        else:
            totals, n_targets = make_passes(self, batches)
            self._choices = totals.choices
            losses = totals.read(n_targets)
        self._require_finite("loss", losses.loss, step=self.step + 1)
        return losses

    def output(self, batch: Batch, attention_mask: Tensor | None) -> Output:
        """What the model gives for the batch of a pass; a trainer of another kind has another way to call it here."""
        output: Output = self.wrapped(batch.inputs, attention_mask=attention_mask)
        return output

    def loss(self, logits: Tensor, microbatch: Microbatch) -> Tensor:
        """What a pass adds to the step's loss, (): its mean cross-entropy by its share of the targets.

        A trainer of another kind has another loss here; the router's losses come in addition.
        """
        return microbatch.target_share * self.components.loss(logits, microbatch.batch.targets)

    def update(self) -> Update:
        """Clip the gradients, set the learning rate of this step and let the optimizer change the weights."""
        gradient_norm = float(self._clip())
        skipped = not math.isfinite(gradient_norm)
        if skipped and (not self.scaler.is_enabled() or self.scaler.get_scale() < 1):
            self._require_finite("gradient", gradient_norm, step=self.step + 1)
        return Update(self._apply(), gradient_norm, skipped=skipped)

    def _clip(self) -> Tensor:
        """Shorten the gradients; their length before, ()."""
        self.scaler.unscale_(self.optimizer)
        trained = [parameter for parameter in self.trained if parameter.grad is not None]
        gradients = [parameter.grad for parameter in trained if parameter.grad is not None]
        norm, clipped = self.components.clip_gradients(gradients, self.config.max_grad_norm)
        for parameter, gradient in zip(trained, clipped, strict=True):
            parameter.grad = gradient
        return norm

    def _apply(self) -> float:
        """Change the weights by the gradients, at the learning rate of this step, which is returned."""
        config = self.config
        warmup = round(config.warmup_ratio * config.steps)
        learning_rate = config.learning_rate * self.components.schedule(
            self.step, steps=config.steps, warmup=warmup, min_lr_ratio=config.min_lr_ratio
        )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.step(self.optimizer)  # under float16, not if the gradient overflowed
        self.scaler.update()
        self._move_biases()
        return learning_rate

    def _move_biases(self) -> None:
        """Of a model that is balanced by a bias: move it by what each expert had in this step."""
        if self.model.config.balance == "loss" or self._choices is None:
            return
        layers = [part for part in self.model.modules() if isinstance(part, MoELayer)]
        for layer, counts in zip(layers, self._choices, strict=True):
            if layer.balance_bias is not None:
                layer.balance_bias = update_bias(layer.balance_bias, counts, rate=self.config.bias_rate)

    def _require_finite(self, what: str, value: float, *, step: int) -> None:
        if math.isfinite(value):
            return
        kept = f"the last good checkpoint is {self.saved}" if self.saved else "no checkpoint was written yet"
        raise StorytellerError(
            f"The {what} became {value} at step {step}, so training stopped; {kept}. Go on from there with a "
            f"learning rate below {self.config.learning_rate}, or in float32 if it ran in {self.dtype}."
        )

    # --- Checkpoints --------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write a checkpoint of the training state, unless there is one or there is no folder.

        With `config.async_checkpoints` it is written while training goes on, one checkpoint at a time. What goes wrong
        with it is raised after the next step, and at the end of the run at the latest.
        """
        if self.folder is None or self.saved == ckpt.path_of(self.folder, self.step):
            return
        self.report()  # so that no weights are kept that nobody has seen the loss of
        keep = self.config.keep_checkpoints
        if not self.config.async_checkpoints:
            self.saved = self.processes.save_checkpoint(self.folder, self.state_dict(), keep=keep)
            self._emit(Saved(step=self.step, path=self.saved))
        elif self._saving is None or self._saving[0] != self.step:
            self._note_saved(wait=True)
            if self._saver is None:
                self._saver = ThreadPoolExecutor(1)
            state = ckpt.copied(self.state_dict())
            writing = self._saver.submit(self.processes.save_checkpoint, self.folder, state, keep=keep)
            self._saving = self.step, writing

    def _note_saved(self, *, wait: bool) -> None:
        """Tell of the checkpoint that was written meanwhile, if it is; `wait` until it is."""
        if self._saving is not None and (wait or self._saving[1].done()):
            (step, written), self._saving = self._saving, None
            self.saved = written.result()
            self._emit(Saved(step=step, path=self.saved))

    def resume(self) -> bool:
        """Go on from the latest valid checkpoint in the folder.

        Returns:
            False where the folder has no checkpoint yet: the run starts at the beginning.

        Raises:
            StorytellerError: every checkpoint is damaged, or they belong to another model, tokenizer or corpus.
        """
        if self.folder is None or not ckpt.list_checkpoints(self.folder):
            return False
        fingerprint = self.tokenizer_fingerprint
        checkpoint = self.processes.load_checkpoint(
            self.folder, self.model, fingerprint=fingerprint, notice=self._message
        )
        self.load_state_dict(checkpoint)
        if self.processes.is_first:
            ckpt.set_aside_after(self.folder, checkpoint.step)
        self.saved = ckpt.path_of(self.folder, checkpoint.step)
        return True

    def state_dict(self) -> ckpt.Checkpoint:
        """The training state: all that the rest of the run depends on."""
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

    def load_state_dict(self, checkpoint: ckpt.Checkpoint) -> None:
        """Go to a training state.

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
        if self.config.dtype == "auto":  # another trial might choose another dtype
            self.use_dtype(values["dtype"])
        if self.scaler.is_enabled() and values["scaler"]:
            self.scaler.load_state_dict(values["scaler"])
        self.step, self.tokens = checkpoint.step, values["tokens"]
        self.metrics = None if values["metrics"] is None else Metrics(**values["metrics"])
        for name, value in to_dict(self.config).items():
            if self.step < self.config.steps and values["train_config"].get(name, value) != value:
                self._message(f"The run began with {name} {values['train_config'][name]}; it goes on with {value}.")
        restore_random(checkpoint.state)

    def use_dtype(self, dtype: str) -> None:
        """Compute products in `dtype` from now on."""
        self.dtype = dtype
        self.scaler = grad_scaler(self.device, dtype)

    def use_parallel_microbatches(self, number: int) -> None:
        """Make so many passes of a step at once from now on.

        Raises:
            StorytellerError: more than one, of compiled blocks.
        """
        if self.compiled and number > 1:
            raise StorytellerError(
                f"{number} passes at once were asked for, and compiled blocks make one at a time: give "
                "parallel_microbatches=1, or compile 'off'."
            )
        self.parallel_microbatches = number
        self.threads = ThreadPoolExecutor(number) if number > 1 else None

    # --- Events -------------------------------------------------------------------------------------------------------

    def subscribe(self, handler: Callable[[Event], None]) -> None:
        """Call a handler with each event from now on, after those that are there already."""
        self._handlers.append(handler)

    def unsubscribe(self, handler: Callable[[Event], None]) -> None:
        """Call it no longer."""
        self._handlers.remove(handler)

    def _emit(self, event: Event) -> None:
        for handler in self._handlers:
            handler(event)

    def _message(self, text: str) -> None:
        if not self._handlers:  # never silently
            warnings.warn(text, stacklevel=2)
        self._emit(Message(text=text))

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.config.steps
