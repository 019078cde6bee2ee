"""How much training fits into the time there is."""

import time

from storyteller.training.losses import evaluate
from storyteller.training.out_of_memory import explain_oom
from storyteller.training.trainer import Trainer


def steps_within(seconds: float, trainer: Trainer, *, step_seconds: float, margin: float = 0.9) -> int:
    """How many steps of this trainer's run fit into so many seconds on this machine, evaluations included.

    The answer differs from machine to machine and from call to call, so put it into `TrainConfig.steps` once and keep
    it: with the number of steps fixed, a resumed run still equals an unbroken one.

    Args:
        seconds: for the whole run.
        trainer: evaluates one batch, to see how long that takes.
        step_seconds: of one step, from `storyteller.training.step_timing.time_steps`.
        margin: the share of `seconds` to plan for. A machine at work for minutes grows hotter and slower.
    """
    evaluation = 0.0
    if trainer.validation:
        with explain_oom(trainer.config):
            started = time.perf_counter()
            evaluate(trainer.model, [trainer.validation[0]], dtype=trainer.dtype)
            evaluation = (time.perf_counter() - started) * len(trainer.validation)
    for_steps = seconds * margin - evaluation  # the last one comes after the last step
    return max(1, int(for_steps / (step_seconds + evaluation / trainer.config.evaluate_every)))


class Deadline:
    """Keeps a run to the time it was given where its pace is not that of its trial.

    Ask it after each checkpoint: a run that is resumed from there then makes the same steps, at the same learning
    rates, as the unbroken one. A run that turns out slower is shortened, whenever that shows. One that turns out
    quicker is made longer, but not near its end: the learning rate goes back up to where the longer plan has it then.

    Args:
        seconds: from now on.
    """

    GROWS_UNTIL = 0.6  # the share of the planned steps until which a run may grow
    MARGIN = 0.95  # the share of the time left that a longer plan may fill: evaluations are still to come

    def __init__(self, seconds: float) -> None:
        self.looked = time.perf_counter()
        self.ends = self.looked + seconds
        self.step = 0  # at the last look

    def steps(self, step: int, planned: int) -> int:
        """How many steps the run shall have, at the pace since the last look.

        Args:
            step: steps that are made.
            planned: steps of the whole run, as planned until now.
        """
        now = time.perf_counter()
        pace = (now - self.looked) / max(1, step - self.step)  # seconds for a step, evaluations included
        seconds_left = self.ends - now
        self.looked, self.step = now, step
        possible = step + max(1, int(seconds_left / pace))  # one more: the last step ends the run in good order
        if possible <= planned or step > self.GROWS_UNTIL * planned:
            return min(planned, possible)
        return max(planned, step + int(self.MARGIN * seconds_left / pace))
