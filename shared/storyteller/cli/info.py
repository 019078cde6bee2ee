"""`storyteller info`: what a preset is, and what it costs to train and to run."""

from typing import TYPE_CHECKING, Annotated

import typer

from storyteller.config import PRESETS, Preset
from storyteller.config import preset as find
from storyteller.errors import require
from storyteller.moe.cost_model import (
    MACHINES,
    cache_bytes,
    count,
    count_parameters,
    duration,
    forward_flops,
    inference_memory,
    size,
    training_flops,
    training_hours,
    training_memory,
    training_tokens,
)

if TYPE_CHECKING:
    from rich.console import Console

Row = tuple[str, str]


def info(
    preset: Annotated[str, typer.Argument(help=f"one of {', '.join(PRESETS)}")] = "tiny",
    devices: Annotated[int | None, typer.Option(min=1, help="plan for so many devices in a machine")] = None,
    machines: Annotated[int, typer.Option(min=1, help="of which there are so many")] = 1,
    memory: Annotated[float, typer.Option(help="GB of each device")] = 80.0,
    gradient_checkpointing: Annotated[
        bool | None, typer.Option(help="plan for passes that recompute activations")
    ] = None,
) -> None:
    """Show a preset's parameters, arithmetic, memory, and the hours it would take at assumed speeds.

    With --devices, show instead what each way to share it out would need of every device.
    """
    from rich.console import Console
    from rich.table import Table

    chosen = find(preset)
    console = Console(highlight=False)
    if devices is not None:
        require(memory > 0, f"--memory is {memory}; it must be above 0 GB.")
        plan(chosen, console, devices, machines, memory=memory, gradient_checkpointing=gradient_checkpointing)
        return
    console.print(f"{chosen.name}: {chosen.about}\n", markup=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in describe(chosen):
        table.add_row(*row)
    console.print(table)
    notes = (
        "A FLOP is one multiplication or one addition; 1 GB is 10^9 bytes. Memory leaves out what torch itself takes. "
        "The hours are tokens x FLOPs a token / FLOPs a second, at the speed in brackets. Nothing has been timed on "
        "these machines: the speeds are assumed, so take the hours for their order of magnitude and no more."
    )
    console.print(f"\n{notes}", markup=False)


def plan(
    chosen: Preset,
    console: "Console",
    devices: int,
    machines: int,
    *,
    memory: float,
    gradient_checkpointing: bool | None,
) -> None:
    """Print memory, messages and time of each arrangement of the devices."""
    from rich.table import Table

    from storyteller.distributed.planner import Cluster, assumptions, describe, tokens_in_words

    cluster = Cluster(devices=devices, machines=machines, memory=memory * 1e9)
    train, recompute = chosen.train, gradient_checkpointing
    recompute = train.gradient_checkpointing if recompute is None else recompute
    where = f"{machines} machines with {devices} devices each" if machines > 1 else f"{devices} devices"
    console.print(
        f"{chosen.name} on {where if where != '1 devices' else '1 device'}, steps of "
        f"{train.batch_size * train.grad_accum_steps} x {chosen.model.max_seq_len} tokens, gradient checkpointing "
        f"{'on' if recompute else 'off'}; of each device:\n",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for row in describe(chosen, cluster, gradient_checkpointing=recompute):
        table.add_row(*row)
    console.print(table)
    tokens = f"{count(training_tokens(chosen))} in {train.steps:,} steps, {tokens_in_words(chosen)}."
    console.print(f"\nTokens: {tokens}", markup=False)
    console.print(f"\n{assumptions(cluster)}", markup=False)


def describe(chosen: Preset) -> list[Row]:
    """Shape, cost and time of a preset, as rows of name and text; an empty row between them."""
    model, train = chosen.model, chosen.train
    parameters = count_parameters(model)
    experts = f"{model.n_experts} experts, {model.top_k} a token" if model.n_experts else "dense"
    shape = f"d_model {model.d_model}, {model.n_layers} layers, {model.n_heads} heads, d_ff {model.d_ff}, {experts}"
    kept, recomputed = (training_memory(model, train, gradient_checkpointing=c) for c in (False, True))
    states = kept.weights + kept.gradients + kept.optimizer
    telling = f"{size(inference_memory(model))} in float32, of which {size(cache_bytes(model))} KV cache"
    rows = [
        ("Shape", shape),
        ("Reads", f"{model.max_seq_len:,} tokens at most, of a vocabulary of {model.vocab_size:,}"),
        ("Parameters", f"{count(parameters.total)} in all ({parameters.total:,})"),
        ("", f"{count(parameters.active)} active for one token ({parameters.active:,})"),
        ("", ""),
        ("FLOPs a token", f"{count(forward_flops(model))} forward, {count(training_flops(model))} training"),
        ("Memory, training", f"{size(kept.total)} with batches of {train.batch_size} x {model.max_seq_len} tokens:"),
        ("", f"{size(states)} weights, gradients and AdamW, {size(kept.activations)} activations"),
        ("", f"{size(recomputed.total)} with gradient checkpointing"),
        ("Memory, telling", telling),
        ("", ""),
        ("Training run", f"{count(training_tokens(chosen))} tokens in {train.steps:,} steps"),
    ]
    for machine in MACHINES:
        speed = f"{machine.flops / 1e12:g} TFLOP/s assumed, {machine.dtype}"
        rows.append((machine.name, f"{duration(training_hours(chosen, machine))}  ({speed})"))
    return rows
