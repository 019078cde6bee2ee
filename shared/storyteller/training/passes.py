"""The passes of a step: several batches leave the gradients in the model that one large batch would.

Read from `make_passes`. A pass takes from the trainer what another kind of trainer may have of its own: its `output`
and its `loss`.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from storyteller.moe.router import Routing, count_choices
from storyteller.training.batches import Batch
from storyteller.training.events import StepLosses
from storyteller.training.mixed_precision import autocast, flush_denormals

if TYPE_CHECKING:
    from storyteller.training.trainer import Trainer


class Microbatch(NamedTuple):
    """A batch, and how much it counts in its step."""

    batch: Batch
    target_share: float  # of the step's targets
    token_share: float  # of the step's tokens


class PassLosses(NamedTuple):
    """What one forward pass, or several of them, add to the losses of a step; without gradients."""

    loss: Tensor  # () cross-entropy
    load_balancing: Tensor  # (layers,)
    router_z: Tensor  # (), summed over the layers
    choices: Tensor  # (layers, E), how often each expert was chosen; (0,) unless a bias balances them

    def read(self, n_targets: int) -> StepLosses:
        """The numbers, once the device has computed them."""
        return StepLosses(
            loss=self.loss.item(),
            balance_losses=tuple(self.load_balancing.tolist()),
            router_z_loss=self.router_z.item(),
            n_targets=n_targets,
        )


def make_passes(trainer: "Trainer", batches: Sequence[Batch]) -> tuple[PassLosses, int]:
    """Leave the gradients of a step in the model; its losses, on the device, and the number of its targets.

    Each batch's mean loss is weighted by its share of the step's targets, so the cross-entropy is that of one large
    batch; so is the z-loss, weighted by the share of the tokens. The balance loss is not: it multiplies, for each
    expert, two averages taken over one forward pass, and the mean of products is not the product of means. Every
    batch is balanced by itself, which asks for a little more than balance over the whole step. With
    `config.balance_scope` "global" the first average is taken over the whole step, and then it is.

    The auxiliary losses are summed over the layers: each router feels the same pressure however deep the model is.
    """
    trainer.optimizer.zero_grad()
    n_targets, n_tokens = trainer.processes.step_size(batches)
    passes = [
        Microbatch(batch, batch.n_targets / max(1, n_targets), batch.n_tokens / max(1, n_tokens)) for batch in batches
    ]
    load = _count_first(trainer, passes) if trainer.config.balance_scope == "global" else None
    if trainer.threads is None:
        each = _sequential(trainer, passes, load)
    else:
        each = _threaded(trainer, passes, load, trainer.threads)
    own = PassLosses(*(sum(column) for column in zip(*each, strict=True)))
    return PassLosses(*trainer.processes.total(*own)), n_targets


def _sequential(trainer: "Trainer", passes: Sequence[Microbatch], load: Tensor | None) -> Iterator[PassLosses]:
    """One pass after the other; each adds to the gradients in place, of which there is one set."""
    for microbatch in trainer.processes.passes(passes):
        total, losses = _forward(trainer, microbatch, load)
        total.backward()
        yield losses


def _threaded(
    trainer: "Trainer", passes: Sequence[Microbatch], load: Tensor | None, threads: ThreadPoolExecutor
) -> Iterator[PassLosses]:
    """The same losses and gradients, to the last bit: they are added in the order of the passes too."""

    def gradients_of(microbatch: Microbatch) -> tuple[Sequence[Tensor | None], PassLosses]:
        with flush_denormals():  # each thread has its own switch
            total, losses = _forward(trainer, microbatch, load)
            # Not total.backward(): passes side by side would add to the same gradients at the same time.
            return torch.autograd.grad(total, trainer.trained, allow_unused=True), losses

    for gradients, losses in threads.map(gradients_of, passes):
        for parameter, gradient in zip(trainer.trained, gradients, strict=True):
            if gradient is not None:
                parameter.grad = gradient.contiguous() if parameter.grad is None else parameter.grad.add_(gradient)
        yield losses


def _forward(trainer: "Trainer", microbatch: Microbatch, load: Tensor | None) -> tuple[Tensor, PassLosses]:
    """One forward pass: the scaled scalar that its gradient is taken of, and the losses in it.

    Args:
        trainer: whose model it is.
        microbatch: on any device.
        load: (layers, E), how often a token of the whole step chooses each expert, where that was counted before.
    """
    batch, mask = _to_device(microbatch.batch, trainer.device)
    components, config = trainer.components, trainer.config
    with autocast(trainer.device, trainer.dtype):
        logits, routing = trainer.output(batch, mask)  # (B, T, V), a Routing for each MoE layer
    loss = trainer.loss(logits, microbatch._replace(batch=batch))
    biased, spans_step = trainer.model.config.balance == "bias", config.balance_scope == "global"
    choices = loss.new_zeros(0)
    if routing and (biased or spans_step):
        choices = torch.stack([_choices(layer, mask) for layer in routing]) * (microbatch.token_share > 0)
    if routing and spans_step and load is None:
        load = _share_of_tokens(trainer, choices)
    balance = [
        microbatch.token_share
        * components.load_balancing_loss(
            layer.probs, layer.expert_ids, attention_mask=mask, **({} if load is None else {"load": load[number]})
        )
        for number, layer in enumerate(routing)
    ]
    z = microbatch.token_share * sum(
        (components.router_z_loss(layer.logits, attention_mask=mask) for layer in routing), loss.new_zeros(())
    )
    total = loss + (0.0 if biased else config.balance_weight) * sum(balance) + config.z_weight * z
    per_layer = torch.stack(balance) if balance else loss.new_zeros(0)  # (layers,)
    return trainer.scaler.scale(total), PassLosses(loss.detach(), per_layer.detach(), z.detach(), choices)


@torch.no_grad()
def _count_first(trainer: "Trainer", passes: Sequence[Microbatch]) -> Tensor | None:
    """How the whole step spreads its choices, (layers, E); None where its only pass can count them itself.

    The loss of the first pass needs what the last one chooses, so all of them run once without gradients: about a
    third more arithmetic.
    """
    if len(passes) == 1 or not trainer.model.config.n_experts:
        return None
    counts = []
    for microbatch in passes:
        batch, mask = _to_device(microbatch.batch, trainer.device)
        with autocast(trainer.device, trainer.dtype):
            routing = trainer.output(batch, mask).routing
        chosen = torch.stack([_choices(layer, mask) for layer in routing])  # (layers, E)
        counts.append(chosen * (microbatch.token_share > 0))
    return _share_of_tokens(trainer, torch.stack(counts).sum(dim=0))


def _share_of_tokens(trainer: "Trainer", choices: Tensor) -> Tensor:
    """Of all processes' tokens together, the share that chose each expert, (layers, E), from how many did here."""
    (chosen,) = trainer.processes.total(choices)
    return trainer.model.config.top_k * chosen / chosen.sum(dim=1, keepdim=True)


def _to_device(batch: Batch, device: torch.device) -> tuple[Batch, Tensor | None]:
    """The batch there, and its attention mask; whether it needs one is seen here, where nobody waits for it."""
    mask = batch.attention_mask
    return batch.to(device), None if mask is None else mask.to(device)


def _choices(layer: Routing, attention_mask: Tensor | None) -> Tensor:
    """How often each expert was chosen, (E,), by the tokens that are no padding."""
    chosen = layer.expert_ids if attention_mask is None else layer.expert_ids[attention_mask.flatten()]
    return count_choices(chosen, layer.probs.size(1))
