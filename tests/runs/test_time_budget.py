"""How much training fits into a time, and a run that is kept to it."""

from storyteller.runs.time_budget import Deadline, steps_within
from storyteller.training.batches import validation_batches
from tiny_training import SEQ_LEN, tiny_source, tiny_trainer


def test_evaluations_take_their_part_of_the_time(monkeypatch):
    # By this clock the evaluation of one batch takes 1 s.
    ticks = iter(range(1000))
    monkeypatch.setattr("storyteller.runs.time_budget.time.perf_counter", lambda: float(next(ticks)))
    without = tiny_trainer(evaluate_every=10, validation=[])
    assert steps_within(100.0, without, step_seconds=1.0, margin=1.0) == 100
    assert steps_within(0.0, without, step_seconds=1.0) == 1
    ten = validation_batches(tiny_source(), batch_size=1, seq_len=SEQ_LEN, limit=10)
    # 10 s for the last evaluation, and for each step another second towards the others.
    assert steps_within(100.0, tiny_trainer(evaluate_every=10, validation=ten), step_seconds=1.0, margin=1.0) == 45


def test_a_deadline_shortens_a_slow_run_and_lengthens_a_quick_one_while_it_is_young(monkeypatch):
    clock = iter([0.0, 10.0, 60.0, 70.0, 99.5, 120.0])
    monkeypatch.setattr("storyteller.runs.time_budget.time.perf_counter", lambda: next(clock))
    deadline = Deadline(100.0)
    assert deadline.steps(10, 70) == 10 + 85  # 1 s a step and 90 s left, of which a longer plan fills 95 %
    assert deadline.steps(60, 90) == 90  # 1 s a step: 40 more would fit, too late to say so
    assert deadline.steps(65, 90) == 80  # 2 s a step: 15 more
    assert deadline.steps(79, 80) == 80
    assert deadline.steps(80, 90) == 81  # too late already: one step to end with
