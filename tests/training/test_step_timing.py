"""Dtype and threads are chosen by the time of the run's own step."""

import pytest
import torch

from storyteller.training import step_timing
from storyteller.training.step_timing import Execution, candidate_dtypes, fastest, fastest_dtype, time_steps
from tiny_training import tiny_trainer


def test_float32_wins_a_tie():
    slow, plain, low = Execution("float32", 2), Execution("float32", 1), Execution("bfloat16", 1)
    assert fastest({slow: 3.0, plain: 1.0, low: 0.96}) == plain
    assert fastest({slow: 3.0, plain: 1.0, low: 0.94}) == low
    assert fastest({low: 5.0}) == low


def test_only_a_cpu_has_a_choice():
    assert candidate_dtypes(torch.device("cpu")) == ("float32", "bfloat16")
    assert candidate_dtypes(torch.device("mps")) == ("float32",)


class SteppedClock:
    """A clock for a trainer whose passes take 3 s in float32 and `bfloat16` seconds in bfloat16."""

    def __init__(self, bfloat16: float) -> None:
        self.now, self.seconds = 0.0, {"float32": 3.0, "bfloat16": bfloat16}

    def watch(self, trainer, monkeypatch):
        backward = trainer.backward

        def timed(batches):
            self.now += self.seconds[trainer.dtype]
            return backward(batches)

        monkeypatch.setattr(trainer, "backward", timed)
        return trainer


@pytest.mark.parametrize(("bfloat16", "chosen"), [(1.0, "bfloat16"), (2.95, "float32"), (12.0, "float32")])
def test_the_dtype_is_chosen_by_the_trainers_own_passes_and_leaves_no_trace(monkeypatch, bfloat16, chosen):
    clock = SteppedClock(bfloat16)
    monkeypatch.setattr(step_timing.time, "perf_counter", lambda: clock.now)
    trainer = clock.watch(tiny_trainer(), monkeypatch)
    place, draw = trainer.batches.state_dict(), torch.get_rng_state()
    weights = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}
    assert fastest_dtype(trainer) == chosen
    assert trainer.dtype == "float32"
    assert trainer.batches.state_dict() == place
    assert torch.equal(torch.get_rng_state(), draw)
    assert all(torch.equal(weights[name], parameter) for name, parameter in trainer.model.named_parameters())
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_auto_is_one_of_the_candidates():
    assert tiny_trainer(dtype="auto").dtype in candidate_dtypes(torch.device("cpu"))


def test_a_run_with_auto_tries_its_passes_once_and_a_resumed_one_does_not(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(
        "storyteller.training.trainer.fastest_dtype", lambda trainer: (tried.append(trainer), "bfloat16")[1]
    )
    trainer = tiny_trainer(tmp_path, dtype="auto", steps=2)
    assert not tried
    trainer.run()
    assert (len(tried), trainer.dtype) == (1, "bfloat16")
    resumed = tiny_trainer(tmp_path, dtype="auto", steps=4, on_event=lambda event: None)
    resumed.resume()
    resumed.run()
    assert (len(tried), resumed.dtype) == (1, "bfloat16")


@pytest.mark.parametrize(("seconds", "turns"), [(0.0, 0), (25.0, 1), (50.0, 2)])
def test_steps_are_timed_in_turns_and_the_first_turn_counts_only_alone(monkeypatch, seconds, turns):
    clock = SteppedClock(bfloat16=1.0)
    monkeypatch.setattr(step_timing.time, "perf_counter", lambda: clock.now)
    executions = [Execution("float32", 1), Execution("bfloat16", 1, 2)]
    trainer = clock.watch(tiny_trainer(grad_accum_steps=2), monkeypatch)
    order, backward = [], trainer.backward

    def watched(batches):
        clock.now += 10.0 if trainer.dtype not in order else 0.0  # what is done only once
        order.append(trainer.dtype)
        assert trainer.parallel_microbatches == (1 if trainer.dtype == "float32" else 2)
        return backward(batches)

    monkeypatch.setattr(trainer, "backward", watched)
    threads = torch.get_num_threads()
    once = 0.0 if turns else 10.0
    assert time_steps(trainer, executions, seconds=seconds) == {executions[0]: 3.0 + once, executions[1]: 1.0 + once}
    assert order == ["float32", "bfloat16"] + turns * (["float32"] * 4 + ["bfloat16"] * 4)
    assert torch.get_num_threads() == threads


def test_the_clearly_slower_are_timed_no_more_and_what_is_left_alone_ends_the_trial(monkeypatch):
    clock = SteppedClock(bfloat16=1.0)
    monkeypatch.setattr(step_timing.time, "perf_counter", lambda: clock.now)
    trainer = clock.watch(tiny_trainer(), monkeypatch)
    slow, fast, likewise = Execution("float32", 1), Execution("bfloat16", 1), Execution("bfloat16", 2)
    order, use_dtype = [], trainer.use_dtype
    monkeypatch.setattr(trainer, "use_dtype", lambda dtype: (order.append(dtype), use_dtype(dtype)))
    assert time_steps(trainer, [slow, fast], seconds=1_000.0) == {slow: 3.0, fast: 1.0}
    assert order == 3 * ["float32", "bfloat16"]  # the first turn, and two
    order.clear()
    assert time_steps(trainer, [slow, fast, likewise], seconds=100.0) == {slow: 3.0, fast: 1.0, likewise: 1.0}
    assert (order.count("float32"), order.count("bfloat16")) == (3, 20)  # what may be a tie takes all of the seconds


def test_compiling_takes_no_time_from_a_trial_and_has_no_part_in_its_figures(monkeypatch):
    clock = SteppedClock(bfloat16=1.0)
    monkeypatch.setattr(step_timing.time, "perf_counter", lambda: clock.now)
    trainer, steps = clock.watch(tiny_trainer(), monkeypatch), []
    monkeypatch.setattr(trainer, "compiled", True)
    backward = trainer.backward

    def compiling_first(batches):
        clock.now += 0.0 if steps else 60.0
        steps.append(clock.now)
        return backward(batches)

    monkeypatch.setattr(trainer, "backward", compiling_first)
    assert time_steps(trainer, [Execution("float32", 1)], seconds=10.0) == {Execution("float32", 1): 3.0}
    assert len(steps) == 1 + 4


def test_passes_alone_leave_the_weights_and_steps_do_not():
    trainer = tiny_trainer()
    before = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}

    def unchanged() -> bool:
        return all(torch.equal(before[name], parameter) for name, parameter in trainer.model.named_parameters())

    time_steps(trainer, [Execution("float32", 1)], seconds=0.0, update=False)
    assert unchanged()
    trainer.step = 1  # at the first step of the warmup the rate is 0
    time_steps(trainer, [Execution("float32", 1)], seconds=0.0)
    assert not unchanged()
