"""One training step of `small`, `base` and `full` on a GPU: tokens a second, MFU and peak memory.

    make bench-gpu        or: python -m bench.gpu small --rounds 5

Compared with transformers' Mixtral of the same shape, under the same autocast and AdamW, with our dense model of equal
active parameters, and with our own compiled, where there is a compiler. MFU is the arithmetic of
`storyteller.moe.cost_model.training_flops` over what one large product in bfloat16 reaches on this device. Where there
is no GPU it says so and measures nothing.

Nobody has run this on a GPU yet; that it computes what it says is tested with a small model on a CPU.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from rich.console import Console

from bench.common import Row, interleaved, show
from storyteller.config import ModelConfig, Preset, TrainConfig, preset
from storyteller.errors import StorytellerError
from storyteller.export.mixtral_weights import config_fields
from storyteller.moe.cost_model import training_flops
from storyteller.moe.layer import build_model
from storyteller.training.batches import BatchSource, InMemoryTokens, ReadAhead, TrainingBatches
from storyteller.training.compilation import why_not
from storyteller.training.mixed_precision import autocast
from storyteller.training.optim import adamw, parameter_groups
from storyteller.training.trainer import Trainer

STEPS = 5  # a round
MIN_MFU = 0.4  # of `full`
MIN_OVER_TRANSFORMERS = 1.5
Step = Callable[[], None]


def main() -> None:
    """Measure, and print one table for each preset; exit code 2 where there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("presets", nargs="*", default=["small", "base", "full"], help="small, base, full")
    parser.add_argument("--rounds", type=int, default=5, help="how often each candidate is timed (5)")
    arguments = parser.parse_args()
    try:
        presets = [preset(name) for name in arguments.presets]
        if not torch.cuda.is_available():
            raise StorytellerError("There is no CUDA GPU on this machine, so nothing was measured: run this on one.")
    except StorytellerError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    device = torch.device("cuda")
    console = Console()
    console.print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}; medians of {arguments.rounds} rounds")
    for one in presets:
        show(console, one.name, run(one, device, rounds=arguments.rounds))


def run(one: Preset, device: torch.device, *, rounds: int) -> list[Row]:
    """A row for each model of a preset's shape; the models lie on the device together."""
    dense = replace(one.model, n_experts=0, d_ff=one.model.d_ff * one.model.top_k)
    makers: Mapping[str, Callable[[], Step]] = {
        "ours": partial(our_step, one.model, one.train, device),
        "ours, dense": partial(our_step, dense, one.train, device),
        "transformers": partial(their_step, one.model, one.train, device),
    }
    if why_not(device.type) is None:
        makers = {**makers, "ours, compiled": partial(our_step, one.model, one.train, device, compiled=True)}
    steps: dict[str, Step] = {}
    memory: dict[str, float] = {}
    for name, make in makers.items():
        before = _reset_memory(device)
        steps[name] = make()
        steps[name]()
        memory[name] = (_peak_memory(device) - before) / 1e9
    seconds = interleaved({name: partial(_several, step, device) for name, step in steps.items()}, rounds=rounds)
    tokens = STEPS * one.train.batch_size * one.train.grad_accum_steps * one.model.max_seq_len
    speed = {name: tokens / statistics.median(times) for name, times in seconds.items()}
    peak = product_speed(device)
    rows = []
    for name in steps:
        shape = dense if name == "ours, dense" else one.model
        mfu = training_flops(shape) * speed[name] / peak
        figures: dict[str, Any] = {
            "tokens/s": int(speed[name]),
            "MFU": f"{mfu:.1%}",
            "peak memory, GB": round(memory[name], 2),
        }
        goal = ""
        met: bool | None = None
        if name in ("ours", "ours, compiled"):
            ratio = speed[name] / speed["transformers"]
            figures["times transformers"] = round(ratio, 2)
        if name == "ours":
            goal, met = f">= {MIN_OVER_TRANSFORMERS}x transformers", ratio >= MIN_OVER_TRANSFORMERS
            if one.name == "full":
                goal, met = f"{goal}, MFU >= {MIN_MFU:.0%}", bool(met and mfu >= MIN_MFU)
        rows.append(Row(name, figures, goal=goal, met=met))
    return rows


def our_step(model: ModelConfig, train: TrainConfig, device: torch.device, *, compiled: bool = False) -> Step:
    """A step of the trainer."""
    config = replace(train, dtype="bfloat16", compile="on" if compiled else "off")
    batches: BatchSource = _batches(model, train)
    if device.type == "cuda":
        batches = ReadAhead(batches, number=train.grad_accum_steps, pin=True)
    trainer = Trainer(build_model(model, seed=1).to(device), config, batches)
    trainer.model.train()
    return trainer.train_step


def their_step(model: ModelConfig, train: TrainConfig, device: torch.device) -> Step:
    """The same with transformers' Mixtral, its experts as grouped products where it has them."""
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(**config_fields(model), router_aux_loss_coef=train.balance_weight, output_router_logits=True)
    if device.type == "cuda":
        config._experts_implementation = "grouped_mm"
    theirs: Any = MixtralForCausalLM(config)
    theirs = theirs.to(device).train()
    optimizer = adamw(parameter_groups(theirs, train.weight_decay), train)
    batches = _batches(model, train)

    def step() -> None:
        optimizer.zero_grad()
        for _ in range(train.grad_accum_steps):
            batch = next(batches).to(device)
            with autocast(device, "bfloat16"):
                loss = theirs(input_ids=batch.inputs, labels=batch.inputs, use_cache=False).loss
            (loss / train.grad_accum_steps).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), train.max_grad_norm)
        optimizer.step()

    return step


def product_speed(device: torch.device, size: int = 8192) -> float:
    """Operations a second of one large product in bfloat16."""
    size = size if device.type == "cuda" else 256
    x = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    seconds = min(interleaved({"product": partial(_several, lambda: x @ x, device)}, rounds=9)["product"])
    return STEPS * 2 * size**3 / seconds


def _batches(model: ModelConfig, train: TrainConfig) -> TrainingBatches:
    """Sequences of random tokens."""
    random = np.random.default_rng(1)
    documents = [random.integers(1, model.vocab_size, size=model.max_seq_len).tolist() for _ in range(64)]
    source = InMemoryTokens.pack(documents, end_id=0)
    return TrainingBatches(source, batch_size=train.batch_size, seq_len=model.max_seq_len, seed=1)


def _several(step: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _reset_memory(device: torch.device) -> int:
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _peak_memory(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


if __name__ == "__main__":
    main()
