"""How much training fits into the time there is."""

import copy
import statistics
import time
from collections.abc import Sequence

from storyteller.config import TrainConfig
from storyteller.training.batches import Batch, BatchSource
from storyteller.training.losses import evaluate
from storyteller.training.rng_state import random_state, restore_random
from storyteller.training.trainer import Trainer, TrainerComponents, explain_oom
from storyteller.transformer.decoder import Decoder


def steps_within(
    seconds: float,
    model: Decoder,
    config: TrainConfig,
    batches: BatchSource,
    *,
    validation: Sequence[Batch] = (),
    trials: int = 40,
    margin: float = 0.9,
    parallel_microbatches: int = 1,
    components: TrainerComponents = TrainerComponents(),  # noqa: B008  frozen
) -> int:
    """How many steps of this run fit into so many seconds on this machine, evaluations included.

    A few steps are made with a copy of the model; the model, the data loader and the random generators are left as they
    were. The answer differs from machine to machine and from call to call, so put it into `TrainConfig.steps` once and
    keep it: with the number of steps fixed, a resumed run still equals an unbroken one. Set `config.dtype` from
    `probe_dtype` before, or the trial and the run may choose different ones.

    Args:
        seconds: for the whole run.
        model, config, batches, validation: as in `Trainer`.
        trials: steps to time; fewer if they take more than a fortieth of `seconds`.
        margin: the share of `seconds` to plan for. A machine at work for minutes grows hotter and slower.
        parallel_microbatches: as in `Trainer`.
        components: as in `Trainer`.
    """
    data_state, random = batches.state_dict(), random_state()
    trial = Trainer(
        copy.deepcopy(model), config, batches, components=components, parallel_microbatches=parallel_microbatches
    )
    trial.model.train()
    durations: list[float] = []  # seconds of each step
    with explain_oom(config):
        while len(durations) < trials and (len(durations) < 2 or sum(durations) < seconds / 40):
            started = time.perf_counter()
            trial.backward([next(batches) for _ in range(config.grad_accum_steps)])
            trial.update()
            durations.append(time.perf_counter() - started)
        evaluation = 0.0
        if validation:
            started = time.perf_counter()
            evaluate(trial.model, [validation[0]], dtype=trial.dtype)
            evaluation = (time.perf_counter() - started) * len(validation)
    batches.load_state_dict(data_state)
    restore_random(random)
    step = statistics.median(durations[1:])  # the first step also pays for what is done only once
    return max(1, int((seconds * margin - evaluation) / (step + evaluation / config.evaluate_every)))


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
