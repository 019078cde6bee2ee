"""`storyteller info`: what a preset is, and what it costs to train and to run."""

from typing import Annotated

import typer

from storyteller.config import PRESETS, Preset
from storyteller.config import preset as find
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

Row = tuple[str, str]


def info(
    preset: Annotated[str, typer.Argument(help=f"one of {', '.join(PRESETS)}")] = "tiny",
) -> None:
    """Show a preset's parameters, arithmetic, memory, and the hours it would take at assumed speeds."""
    from rich.console import Console
    from rich.table import Table

    chosen = find(preset)
    console = Console(highlight=False)
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
