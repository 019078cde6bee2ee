"""On a GPU, a step is given to it without a look at any number: neither waits for the other between two reports.

There is no GPU here. So the form that a GPU takes is run on a CPU, and whoever looks at a number is caught: each look
is one of a few operations of PyTorch. Copies that have to be waited for look the same on a CPU: only a GPU shows them.
"""

import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from storyteller.errors import StorytellerError
from storyteller.moe.dispatch import dispatch_grouped, dispatch_sorted
from storyteller.moe.layer import MoELayer
from storyteller.training.batches import IGNORE_INDEX, PAD_DOCUMENT, Batch
from storyteller.training.events import Evaluated, Saved, StepDone
from storyteller.training.losses import cross_entropy
from storyteller.training.optim import clip_without_waiting
from tiny_training import tiny_trainer

# What a GPU has to be waited for: `.item()`, `bool()` and `.tolist()`; results as long as their numbers say.
WAITING = (
    "_local_scalar_dense",
    "item",
    "equal",
    "is_nonzero",
    "nonzero",
    "bincount",
    "masked_select",
    "_unique2",
    "repeat_interleave",
)
needs_grouped_products = pytest.mark.skipif(not hasattr(F, "grouped_mm"), reason="this PyTorch has none")


class Waits(TorchDispatchMode):
    """Counts the operations that would wait for a GPU, those of backward passes too."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        by_mask = name.startswith("index") and any(
            isinstance(one, torch.Tensor) and one.dtype == torch.bool
            for given in args
            for one in (given if isinstance(given, list | tuple) else ())
        )
        if name in WAITING or by_mask:
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


@pytest.fixture
def host_batches(monkeypatch):
    """Batches are counted before they go to the GPU: here by numpy, so that none of it is taken for a wait."""
    real = lambda batch: batch.document_ids.numpy() != PAD_DOCUMENT  # noqa: E731
    monkeypatch.setattr(Batch, "n_targets", property(lambda batch: int((batch.targets.numpy() != IGNORE_INDEX).sum())))
    monkeypatch.setattr(Batch, "n_tokens", property(lambda batch: int(real(batch).sum())))
    whole = lambda batch: None if np.all(real(batch)) else torch.from_numpy(real(batch))  # noqa: E731
    monkeypatch.setattr(Batch, "attention_mask", property(whole))


def as_on_a_gpu(*, dispatch=dispatch_grouped, model=None, **options):
    """A trainer whose parts are those that a GPU takes."""
    values = {"d_ff": 16, **(model or {})}
    options = {"dtype": "bfloat16", "report_every": 3, "clip_gradients": clip_without_waiting, **options}
    trainer = tiny_trainer(model=values, **options)
    trainer.model.train()
    for part in trainer.model.modules():
        if isinstance(part, MoELayer):
            part.dispatch = dispatch
    return trainer


@needs_grouped_products
@pytest.mark.usefixtures("host_batches")
@pytest.mark.parametrize(
    ("model", "train"),
    [
        ({}, {}),
        ({"capacity_factor": 1.0}, {"grad_accum_steps": 2}),
        ({"balance": "bias", "router": "sigmoid", "n_shared_experts": 1}, {"gradient_checkpointing": True}),
        ({}, {"balance_scope": "global", "grad_accum_steps": 2}),
        ({"n_experts": 0, "positions": "learned"}, {}),
    ],
    ids=["mixtral", "capacity", "bias", "global", "dense"],
)
def test_nobody_looks_at_a_number_between_two_reports(model, train):
    trainer = as_on_a_gpu(model=model, **train)
    with Waits() as waits:
        trainer.train_step()
        trainer.train_step()
        assert not waits.counts
        trainer.train_step()  # the third reports
    assert waits.counts["_local_scalar_dense"] > 0


@pytest.mark.usefixtures("host_batches")
@pytest.mark.parametrize(
    "options",
    [{"dispatch": dispatch_sorted}, {"report_every": 1}, {"loss": lambda a, b: cross_entropy(a, b) + a[b > 0].sum()}],
)
def test_who_does_look_is_caught(options):
    trainer = as_on_a_gpu(**({"dispatch": dispatch_grouped if hasattr(F, "grouped_mm") else dispatch_sorted} | options))
    with Waits() as waits:
        trainer.train_step()
    assert waits.counts


def told(trainer):
    events = []
    trainer.subscribe(events.append)
    trainer.run()
    return events


@pytest.mark.parametrize("report_every", [2, 3, 4, 100])
def test_late_reports_tell_of_the_same_steps_and_leave_the_same_weights(report_every, tmp_path):
    """Six steps, a checkpoint at each second one, an evaluation at each third: both after the steps before them."""
    at_once, late = tiny_trainer(tmp_path / "a"), tiny_trainer(tmp_path / "b", report_every=report_every)
    events, late_events = told(at_once), told(late)

    def figures(events):
        for event in events:
            if isinstance(event, StepDone):
                yield (event.step, event.loss, event.balance_losses, event.router_z_loss, event.learning_rate,
                       event.gradient_norm, event.skipped, event.tokens)  # fmt: skip
            elif isinstance(event, Evaluated):
                yield event.step, event.metrics
            elif isinstance(event, Saved):
                yield event.step, event.path.name

    assert list(figures(late_events)) == list(figures(events))
    assert all(event.tokens_per_second > 0 for event in late_events if isinstance(event, StepDone))
    for ours, theirs in zip(late.model.parameters(), at_once.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_run_that_diverges_keeps_no_checkpoint_of_what_came_after(what, tmp_path):
    calls = []

    def loss(logits, targets):
        calls.append(len(calls) + 1)
        value = cross_entropy(logits, targets)
        if calls[-1] != 3:
            return value
        if what == "loss":
            return value * math.nan
        value.register_hook(lambda gradient: gradient * math.inf)
        return value + 0

    trainer = tiny_trainer(tmp_path, loss=loss, validation=(), report_every=10, clip_gradients=clip_without_waiting)
    with pytest.raises(StorytellerError, match=f"The {what} became (nan|inf) at step 3.*step-000002"):
        trainer.run()
    assert len(calls) == 4  # the checkpoint of step 4 was due, and before it the steps up to there are read
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.name.startswith("step")] == ["step-000002"]


@pytest.mark.parametrize("reads", ["float16", "gradients of its own"])
def test_who_needs_the_numbers_of_each_step_reads_them_at_once(reads):
    steps = []
    note = lambda event: steps.append(event.step) if isinstance(event, StepDone) else None  # noqa: E731

    def gradients(trainer, batches):
        return plain.backward(batches)

    plain = tiny_trainer()
    options = {"dtype": "float16"} if reads == "float16" else {"gradients": gradients}
    trainer = tiny_trainer(report_every=5, on_event=note, **options)
    trainer.train_step()
    assert steps == [1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
def test_a_gpu_is_not_waited_for_between_two_reports():
    trainer = tiny_trainer(model={"d_ff": 16}, dtype="bfloat16", device="cuda", report_every=100)
    trainer.model.train()
    for _ in range(3):
        trainer.train_step()
    if torch.cuda.get_device_capability()[0] not in (9, 10):
        pytest.skip("this GPU has no kernel for grouped products: it is told the rows of each expert")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            trainer.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    trainer.report()
