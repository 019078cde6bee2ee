"""How much training fits into a time, and a run that is kept to it."""

import torch

from storyteller.runs.time_budget import Deadline, steps_within
from storyteller.training.batches import validation_batches
from tiny_training import SEQ_LEN, tiny_source, tiny_trainer


def test_steps_within_leaves_everything_as_it_was():
    trainer = tiny_trainer()
    place, draw = trainer.batches.state_dict(), torch.get_rng_state()
    weights = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}
    settings = (trainer.model, trainer.config, trainer.batches)
    steps = steps_within(1000.0, *settings, validation=trainer.validation)
    assert steps > 10
    assert steps_within(0.0, *settings) == 1
    assert trainer.batches.state_dict() == place
    assert torch.equal(torch.get_rng_state(), draw)
    assert all(torch.equal(weights[name], parameter) for name, parameter in trainer.model.named_parameters())
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_evaluations_take_their_part_of_the_time(monkeypatch):
    # By this clock a step takes 1 s, and so does the evaluation of one batch.
    ticks = iter(range(1000))
    monkeypatch.setattr("storyteller.runs.time_budget.time.perf_counter", lambda: float(next(ticks)))
    trainer = tiny_trainer(evaluate_every=10)
    settings = (100.0, trainer.model, trainer.config, trainer.batches)
    ten = validation_batches(tiny_source(), batch_size=1, seq_len=SEQ_LEN, limit=10)
    assert steps_within(*settings, margin=1.0) == 100
    # 10 s for the last evaluation, and for each step another second towards the others.
    assert steps_within(*settings, margin=1.0, validation=ten) == 45


def test_a_deadline_shortens_a_slow_run_and_lengthens_a_quick_one_while_it_is_young(monkeypatch):
    clock = iter([0.0, 10.0, 60.0, 70.0, 99.5, 120.0])
    monkeypatch.setattr("storyteller.runs.time_budget.time.perf_counter", lambda: next(clock))
    deadline = Deadline(100.0)
    assert deadline.steps(10, 70) == 10 + 85  # 1 s a step and 90 s left, of which a longer plan fills 95 %
    assert deadline.steps(60, 90) == 90  # 1 s a step: 40 more would fit, too late to say so
    assert deadline.steps(65, 90) == 80  # 2 s a step: 15 more
    assert deadline.steps(79, 80) == 80
    assert deadline.steps(80, 90) == 81  # too late already: one step to end with
