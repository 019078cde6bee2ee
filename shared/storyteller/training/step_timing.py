"""Which dtype and how many threads train a model fastest on this machine: found by timing its own step.

No stand-in will do. A processor with bfloat16 instructions multiplies large matrices several times faster in it, but a
small model's step is made of small ones, and of much else. A processor without them emulates bfloat16, and no flag says
so on every platform. And where products are short, two passes side by side on a thread each are quicker than one pass
whose products are shared among two threads.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from storyteller.training.mixed_precision import Precision, flush_denormals
from storyteller.training.rng_state import random_state, restore_random

if TYPE_CHECKING:
    from storyteller.training.trainer import Trainer

TIE = 0.95  # bfloat16 has to be this much faster: in a tie float32 wins, which rounds less
STEPS_A_TURN = 3  # timed in a row, after one untimed step that brings the caches back
SURE = 2  # turns after which the clearly slower are timed no more


@dataclass(frozen=True)
class Execution:
    """How a step is computed on a machine. The result is the same, up to rounding."""

    dtype: Precision
    threads: int  # of PyTorch's, for each product
    parallel_microbatches: int = 1  # passes that run at once, as in `Trainer`


def candidate_dtypes(device: torch.device) -> tuple[Precision, ...]:
    """The dtypes worth a trial: only on a CPU more than one.

    A CUDA device takes bfloat16 if it has it, else float16. Autocast is young on other devices; float32 always works.
    """
    if device.type == "cuda":
        return ("bfloat16",) if torch.cuda.is_bf16_supported(including_emulation=False) else ("float16",)
    return ("float32", "bfloat16") if device.type == "cpu" else ("float32",)


def time_steps(
    trainer: "Trainer", executions: Sequence[Execution], *, seconds: float, update: bool = True
) -> dict[Execution, float]:
    """The median seconds of a step under each execution.

    They take turns, so that whatever else runs on this machine for a moment touches all of them. In the first turn
    each makes one step, which also pays for what is done only once; it counts where no time is left for another
    turn. After a few turns, whichever was slower even in its fastest step than the best in its middle one is timed
    no more, and when only one is left the trial ends: what is left of the seconds is better spent on training.
    Compiling may take longer than all of the seconds. So where blocks are compiled, the seconds begin after the
    first turn: another turn follows, and what counts are steps that are compiled.

    Args:
        trainer: really makes these steps: give it a model of its own.
        executions: to be timed.
        seconds: after which no new turn begins.
        update: without it, only the passes are made, and the model's weights stay as they are.
    """
    threads_before = torch.get_num_threads()
    trainer.model.train()

    def step() -> float:
        started = time.perf_counter()
        trainer.backward([next(trainer.batches) for _ in range(trainer.config.grad_accum_steps)])
        if update:
            trainer.update()
        return time.perf_counter() - started

    first: dict[Execution, list[float]] = {}
    later: dict[Execution, list[float]] = {}
    running = list(executions)
    end = time.perf_counter() + seconds
    with flush_denormals():
        while not first or time.perf_counter() < end:
            is_first = not first
            for execution in running:
                torch.set_num_threads(execution.threads)
                trainer.use_dtype(execution.dtype)
                trainer.use_parallel_microbatches(execution.parallel_microbatches)
                durations = [step() for _ in range(1 if is_first else 1 + STEPS_A_TURN)]
                if is_first:
                    first[execution] = durations
                else:
                    later.setdefault(execution, []).extend(durations[1:])
            if is_first and trainer.compiled:
                end = time.perf_counter() + seconds
            if len(executions) > 1 and later and len(next(iter(later.values()))) >= SURE * STEPS_A_TURN:
                middle = min(statistics.median(times) for times in later.values())
                running = [execution for execution in running if min(later[execution]) <= middle]
                if len(running) == 1:
                    break
    torch.set_num_threads(threads_before)
    return {execution: statistics.median(times) for execution, times in (later or first).items()}


def fastest(seconds: Mapping[Execution, float]) -> Execution:
    """The execution to choose by the seconds of its step; float32 where another dtype wins by less than 5 %."""
    float32 = [execution for execution in seconds if execution.dtype == "float32"]
    best = min(seconds, key=lambda execution: seconds[execution])
    if not float32:
        return best
    plain = min(float32, key=lambda execution: seconds[execution])
    return best if seconds[best] < TIE * seconds[plain] else plain


def fastest_dtype(trainer: "Trainer", *, seconds: float = 2.0) -> Precision:
    """The dtype in which this trainer makes its passes fastest, found by trying; nothing of the trainer changes.

    Two calls on a busy machine may differ; what a run began with is kept in its checkpoints.
    """
    candidates = candidate_dtypes(trainer.device)
    if len(candidates) == 1:
        return candidates[0]
    data_state, random, dtype_before = trainer.batches.state_dict(), random_state(), trainer.dtype
    threads, parallel = torch.get_num_threads(), trainer.parallel_microbatches
    executions = [Execution(dtype, threads, parallel) for dtype in candidates]
    best = fastest(time_steps(trainer, executions, seconds=seconds, update=False))
    trainer.optimizer.zero_grad()
    trainer.use_dtype(dtype_before)
    trainer.batches.load_state_dict(data_state)
    restore_random(random)
    return best.dtype
