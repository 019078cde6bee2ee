"""Lesson 04's plain answers against PyTorch, the library and slow loops; the course's parts against the answers."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from repository import ROOT
from storyteller.config import ModelConfig, TrainConfig
from storyteller.figures.training import float16_range
from storyteller.moe.layer import build_model
from storyteller.training.batches import InMemoryTokens, TrainingBatches, validation_batches
from storyteller.training.components import TrainerComponents
from storyteller.training.events import StepDone
from storyteller.training.losses import WithAuxiliaryLoss, evaluate
from storyteller.training.optim import as_optimizer, cosine_schedule, parameter_groups
from storyteller.training.trainer import Trainer
from storyteller_course import load_lesson
from storyteller_course.exercises.toy_training import PracticeModel, PracticeRun
from storyteller_course.lesson_tools import training_basics as tools

LESSON = load_lesson(ROOT / "lessons" / "04_training_basics")
reference = LESSON.reference

documents = st.lists(st.lists(st.integers(1, 30), max_size=9), min_size=1, max_size=8)


def small_model(seed=1, **changes):
    shape = {
        "vocab_size": 31,
        "max_seq_len": 16,
        "d_model": 16,
        "n_layers": 2,
        "n_heads": 2,
        "n_kv_heads": 2,
        "d_ff": 12,
    }
    return build_model(ModelConfig(**{**shape, **changes}), seed=seed)


def test_every_exercise_has_a_part():
    assert [name for name in LESSON.exercises if LESSON.stand_in(name) is None] == ["recall"]


# --- the reference against independent implementations -------------------------------------------------------------


@given(documents, st.integers(1, 5))
def test_packed_rows_are_the_librarys_validation_batches(stories, seq_len):
    inputs, targets = reference.pack(stories, 0, seq_len)
    stream = InMemoryTokens.pack(stories, end_id=0)
    if len(inputs):
        [batch, *_] = validation_batches(stream, batch_size=len(inputs), seq_len=seq_len)
        assert torch.equal(inputs, batch.inputs)
        assert torch.equal(targets, batch.targets)
    assert len(inputs) == (len(stream) - 1) // seq_len


@given(st.integers(0, 10_000), st.sampled_from(["float64", "float32", "bfloat16"]))
def test_cross_entropy_is_pytorchs(seed, dtype):
    dice = torch.Generator().manual_seed(seed)
    logits = (torch.randn(2, 5, 9, generator=dice) * 20).to(getattr(torch, dtype))
    targets = torch.randint(-2, 9, (2, 5), generator=dice)
    targets[targets < 0] = -100
    targets[0, 0] = 3
    wanted = F.cross_entropy(logits.to(torch.float64).flatten(0, 1), targets.flatten())
    for function in (reference.cross_entropy, LESSON.stand_in("cross_entropy")):
        assert function(logits, targets).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_evaluation_is_the_librarys():
    model, stream = small_model(), InMemoryTokens.pack([[3, 4, 5, 6, 7, 8, 9], [1, 2] * 9], end_id=0)
    batches = validation_batches(stream, batch_size=2, seq_len=5)
    library = evaluate(model, batches, byte_lengths=[1] * 31)
    pairs = [(batch.inputs, batch.targets) for batch in batches]
    found = reference.evaluate(WithAuxiliaryLoss(model, balance_weight=9.0), pairs, "x" * library.tokens)
    assert found["loss"] == pytest.approx(library.loss)
    assert found["perplexity"] == pytest.approx(library.perplexity)
    assert found["bits_per_byte"] == pytest.approx(library.bits_per_byte)


def test_decay_groups_are_the_librarys_in_the_same_order():
    model = small_model(n_experts=4)
    mine, theirs = reference.decay_groups(model, 0.1), parameter_groups(model, 0.1)
    assert [[id(one) for one in group["params"]] for group in mine] == [
        [id(one) for one in group["params"]] for group in theirs
    ]
    assert [group["weight_decay"] for group in mine] == [group["weight_decay"] for group in theirs]


@settings(max_examples=30, deadline=None)  # the first optimizer of a process loads much
@given(st.integers(0, 10_000), st.floats(0, 0.5), st.sampled_from([1e-8, 1e-3]))
def test_twenty_steps_of_adamw_are_pytorchs(seed, decay, eps):
    dice = torch.Generator().manual_seed(seed)
    weight = torch.randn(7, generator=dice, dtype=torch.float64)
    leaf, state = weight.clone().requires_grad_(), {}
    optimizer = torch.optim.AdamW([leaf], lr=0.03, betas=(0.8, 0.97), eps=eps, weight_decay=decay)
    for _ in range(20):
        leaf.grad = torch.randn(7, generator=dice, dtype=torch.float64)
        optimizer.step()
        options = {"lr": 0.03, "betas": (0.8, 0.97), "eps": eps, "weight_decay": decay}
        weight, state = reference.adamw_step(weight, leaf.grad, state, **options)
    torch.testing.assert_close(weight, leaf.detach())


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0, 1))
def test_the_schedule_is_the_librarys(steps, warmup, min_lr_ratio):
    for step in range(steps + 3):
        mine = reference.learning_rate(step, steps=steps, warmup=warmup, min_lr_ratio=min_lr_ratio)
        assert mine == pytest.approx(cosine_schedule(step, steps=steps, warmup=warmup, min_lr_ratio=min_lr_ratio))


@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_clipping_is_pytorchs(seed, most):
    dice = torch.Generator().manual_seed(seed)
    gradients = [torch.randn(shape, generator=dice, dtype=torch.float64) for shape in ((2, 3), (4,), (1, 1, 2))]
    leaves = [torch.zeros_like(one, requires_grad=True) for one in gradients]
    for leaf, one in zip(leaves, gradients, strict=True):
        leaf.grad = one.clone()
    wanted = torch.nn.utils.clip_grad_norm_(leaves, most)
    norm, clipped = reference.clip_gradients(gradients, most)
    torch.testing.assert_close(norm, wanted)
    torch.testing.assert_close(clipped, [leaf.grad for leaf in leaves], rtol=1e-5, atol=1e-6)


def test_accumulated_gradients_are_those_of_the_librarys_trainer():
    stream = InMemoryTokens.pack([[3, 4, 5, 6, 7, 8, 9], [1, 2] * 9], end_id=0)
    config = TrainConfig(steps=1, batch_size=2, grad_accum_steps=3, dtype="float32", balance_weight=0.3, z_weight=0.0)
    trainer = Trainer(small_model(n_experts=4), config, TrainingBatches(stream, batch_size=2, seq_len=5, seed=1))
    batches = [next(trainer.batches) for _ in range(3)]
    losses = trainer.backward(batches)
    mine = WithAuxiliaryLoss(small_model(n_experts=4), balance_weight=0.3)
    mean = reference.accumulate(mine, [(batch.inputs, batch.targets) for batch in batches])
    assert mean == pytest.approx(losses.loss, rel=1e-5)
    for (name, one), other in zip(mine.model.named_parameters(), trainer.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)


def test_the_loop_ends_where_large_batches_end():
    dice = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 13, (5, 2, 2, 4), generator=dice)
    batches = [(pair[0], pair[1]) for pair in ids]
    model, twin = PracticeModel(1), PracticeModel(1)
    records = reference.train(model, batches, epochs=2, every=2, rate=0.05, warmup=2)
    groups = [ids[0:2], ids[2:4], ids[4:5]]
    large = [(group[:, 0].flatten(0, 1), group[:, 1].flatten(0, 1)) for group in groups]
    at_once = reference.train(twin, large, epochs=2, every=1, rate=0.05, warmup=2)
    for one, other in zip(records, at_once, strict=True):
        assert one == pytest.approx(other)
    torch.testing.assert_close(model.weights(), twin.weights())


def test_the_loop_ends_where_the_librarys_trainer_ends():
    stream = InMemoryTokens.pack([[3, 4, 5, 6, 7, 8, 9], [1, 2] * 9], end_id=0)
    config = TrainConfig(
        steps=5, batch_size=2, grad_accum_steps=2, dtype="float32", learning_rate=0.01, warmup_ratio=0.4,
        beta2=0.95, max_grad_norm=1.0, weight_decay=0.1, min_lr_ratio=0.1, balance_weight=0.3, z_weight=0.0,
    )  # fmt: skip
    batches = TrainingBatches(stream, batch_size=2, seq_len=5, seed=1)
    pairs = [(batch.inputs, batch.targets) for batch in (next(batches) for _ in range(10))]
    trainer = Trainer(small_model(n_experts=4), config, TrainingBatches(stream, batch_size=2, seq_len=5, seed=1))
    trainer.run()
    mine = WithAuxiliaryLoss(small_model(n_experts=4), balance_weight=0.3)
    reference.train(mine, pairs, epochs=1, every=2, rate=0.01, warmup=2)
    for (name, one), other in zip(mine.model.named_parameters(), trainer.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, msg=name)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10_000))
def test_the_iteration_brings_singular_values_near_1(rows, columns, seed):
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    _, before, _ = torch.linalg.svd(matrix)
    after = torch.linalg.svdvals(reference.newton_schulz(matrix))
    kept = before / before.square().sum().sqrt() > 0.02  # smaller ones need more than five steps
    assert ((after > 0.6) & (after < 1.3))[kept].all()


def test_a_run_that_was_stopped_anywhere_goes_on_bit_for_bit(tmp_path):
    wanted = PracticeRun(4).train(9)
    for stop in range(9):
        run, other = PracticeRun(4), PracticeRun(4)
        run.train(stop)
        reference.Checkpoint(tmp_path).save(run)
        reference.Checkpoint(tmp_path).load(other)
        found = other.train(9 - stop)
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_checkpoint_that_carries_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("never printed",)

    torch.save({"model": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(Exception, match=r"weights_only|WeightsUnpickler"):
        reference.Checkpoint(tmp_path).load(PracticeRun(1))


# --- the practice models, the figures and the trainer ---------------------------------------------------------------


def test_all_that_a_run_holds_changes_how_it_goes_on():
    """Else a checkpoint without it would pass the check."""
    wanted = PracticeRun(1).train(6)
    for name in ("model", "optimizer", "batches", "generator", "step"):
        run, other = PracticeRun(1), PracticeRun(1)
        run.train(3)
        for part in ("model", "optimizer", "batches"):
            if part != name:
                getattr(other, part).load_state_dict(getattr(run, part).state_dict())
        if name != "generator":
            other.generator.set_state(run.generator.get_state())
        other.step = 0 if name == "step" else run.step
        found = other.train(3)
        assert any((found[key] - wanted[key]).abs().max() > 1e-6 for key in wanted), name


def test_the_lessons_pieces_train_as_the_librarys_do():
    stream = InMemoryTokens.pack([[3, 4, 5, 6, 7, 8, 9], [1, 2] * 9], end_id=0)

    def losses(**pieces):
        found = []
        config = TrainConfig(steps=6, batch_size=2, dtype="float32", warmup_ratio=0.3)
        batches = TrainingBatches(stream, batch_size=2, seq_len=5, seed=1)

        def hear(event):
            if isinstance(event, StepDone):
                found.append(event.loss)

        Trainer(small_model(n_experts=4), config, batches, on_event=hear, components=TrainerComponents(**pieces)).run()
        return found

    mine = losses(
        loss=reference.cross_entropy,
        schedule=reference.learning_rate,
        optimizer=as_optimizer(reference.adamw_step),
    )
    assert mine == pytest.approx(losses(), rel=1e-4)


def test_peak_memory_counts_shared_storages_once_and_lets_go():
    with tools.PeakMemory() as memory:
        first = torch.zeros(1000)  # 4,000 bytes
        view = first.view(10, 100)
        second = first + 1
        del first, view
        third = second * 2
    assert memory.peak == 8000
    assert memory.now == 8000
    del second, third
    assert memory.now == 0


def test_the_float16_figure_counts_what_float16_loses():
    numbers = torch.rand(500, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 60 - 40
    half = (2.0**numbers).half()
    lost, over = (half == 0).double().mean().item(), half.isinf().double().mean().item()
    assert f"{lost:.1%} of the gradients become 0, {over:.1%} infinite" in said(float16_range, numbers.tolist(), 1.0)


def said(draw, *arguments):
    """The title of a figure, which is inside its image."""
    import matplotlib.axes

    titles = []
    with pytest.MonkeyPatch.context() as patch:
        original = matplotlib.axes.Axes.set_title

        def remember(self, text, **options):
            titles.append(text)
            return original(self, text, **options)

        patch.setattr(matplotlib.axes.Axes, "set_title", remember)
        draw(*arguments)
    return titles[0]
