"""What a preset would need on several devices: memory, messages and time of each way to arrange them, by formula.

    >>> from storyteller.config import preset
    >>> plan = plan_run(preset("full"), MeshShape(shard=8))
    >>> size(plan.weights), size(plan.gradients), size(plan.optimizer)  # of each device, in float32
    ('253 MB', '253 MB', '506 MB')

Legend: `D` model width, `E` experts, `k` experts that a token is routed to, `L` layers, `N` tokens of a pass on one
device, `P` processes of a group.

Sources: Rajbhandari et al. 2020, "ZeRO", sections 5 and 7 (memory and messages of sharding) · Thakur et al. 2005,
"Optimization of Collective Communication Operations in MPICH" (what a ring sends) · Hoffmann et al. 2022, "Training
Compute-Optimal Large Language Models" (tokens for a parameter).
"""

import math
from dataclasses import dataclass

from storyteller.config import ModelConfig, Preset
from storyteller.distributed.mesh import MeshShape
from storyteller.moe.cost_model import (
    FLOAT32,
    activation_bytes,
    count_parameters,
    size,
    training_flops,
    training_tokens,
)

ENOUGH_TOKENS = 20  # for each active parameter (Hoffmann et al. 2022)
ALL_TO_ALLS = 4  # of a layer in a pass: to the experts and back, and the same for the gradients


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Devices, and the speed that they are assumed to have; nothing of it was measured."""

    devices: int = 1  # in each machine
    machines: int = 1
    memory: float = 80e9  # bytes of a device
    flops: float = 100e12  # floating-point operations a second, as `storyteller info` assumes of an H100
    within: float = 200e9  # bytes a second that a device sends to others of its machine
    across: float = 25e9  # bytes a second that a device sends to another machine
    latency: float = 30e-6  # seconds that a message takes however short it is

    def bandwidth(self, *, inside: bool) -> float:
        """Bytes a second, for processes that stand in one machine or in several."""
        return self.within if inside else self.across


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One way to arrange the devices: bytes on each of them, and what a step takes."""

    shape: MeshShape
    weights: float
    gradients: float
    optimizer: float  # AdamW's two averages
    gathered: float  # weights and gradients of what is computed now, brought together
    activations: float
    buffers: float  # of the all-to-all
    sent: float  # bytes that a device sends in a step
    messages: int  # in a step
    compute_s: float  # seconds of a step's arithmetic
    transfer_s: float  # seconds of a step's messages

    @property
    def memory(self) -> float:
        """Bytes of a device, at the peak of a step."""
        states = self.weights + self.gradients + self.optimizer
        return states + self.gathered + self.activations + self.buffers


def arrangements(cluster: Cluster, model: ModelConfig) -> list[MeshShape]:
    """The ways worth a look: copies, shards, shards within a machine, and experts on several devices."""
    devices = cluster.devices * cluster.machines
    shapes = [MeshShape(replicate=devices)]
    if devices > 1:
        shapes.append(MeshShape(shard=devices))
    if cluster.machines > 1 and cluster.devices > 1:
        shapes.append(MeshShape(replicate=cluster.machines, shard=cluster.devices))
    experts = math.gcd(model.n_experts, cluster.devices)  # of a dense model 0, so all devices
    if model.n_experts and experts > 1:
        shapes.append(MeshShape(replicate=devices // experts, expert=experts))
        if cluster.devices > experts:
            shapes.append(MeshShape(cluster.machines, cluster.devices // experts, experts))
    return shapes


def plan_run(
    preset: Preset, shape: MeshShape, cluster: Cluster = Cluster(), *, gradient_checkpointing: bool | None = None
) -> Plan:
    """Memory, messages and time of one arrangement.

    A step has the preset's batch_size * grad_accum_steps sequences. They are shared out among all processes, and each
    makes passes of at most batch_size of them.

    Args:
        preset: the model and its run.
        shape: the arrangement; see `storyteller.distributed.mesh`.
        cluster: what the devices are like.
        gradient_checkpointing: of the passes; None takes the preset's.
    """
    model, train = preset.model, preset.train
    recompute = train.gradient_checkpointing if gradient_checkpointing is None else gradient_checkpointing
    rows = math.ceil(train.batch_size * train.grad_accum_steps / shape.processes)  # of a step, on a device
    batch_size = min(rows, train.batch_size)
    passes = math.ceil(rows / batch_size)
    n_tokens = batch_size * model.max_seq_len  # N

    counted = count_parameters(model)
    routed = model.n_layers * model.n_experts * 3 * model.d_model * model.d_ff if shape.expert > 1 else 0
    dense = counted.total - routed  # divided among shape.sharded
    own = dense / shape.sharded + routed / shape.expert  # numbers of a device
    block = (dense - counted.embedding - model.d_model) / model.n_layers  # what a block brings together
    gathered, accumulated = 0.0, 0.0
    if shape.sharded > 1:
        gathered = FLOAT32 * (counted.embedding + 3 * block)  # two blocks' weights (one ahead), one's gradients
        # Without messages between the passes, the gradients of a step are kept undivided until the last one.
        accumulated = FLOAT32 * (dense - dense / shape.sharded) if passes > 1 else 0.0
    rows_sent = n_tokens * model.top_k * model.d_model * FLOAT32 if shape.expert > 1 else 0  # of a layer
    dtype = "bfloat16" if train.dtype == "auto" else train.dtype
    activations = activation_bytes(
        model,
        batch_size=batch_size,
        seq_len=model.max_seq_len,
        dtype=dtype,
        gradient_checkpointing=recompute,
    )

    sent, messages, transfer_s = 0.0, 0, 0.0

    def add(n_bytes: float, processes: int, *, span: int, times: int) -> None:
        """Messages of a group, each of n_bytes from a device; the group's ranks lie `span` apart in all."""
        nonlocal sent, messages, transfer_s
        if processes > 1 and n_bytes:
            sent += n_bytes * times
            messages += times
            inside = span <= cluster.devices
            transfer_s += times * (n_bytes / cluster.bandwidth(inside=inside) + cluster.latency * (processes - 1))

    s, r, e = shape.sharded, shape.replicate, shape.expert
    L, rest = model.n_layers, dense - model.n_layers * block  # besides the blocks: embedding and last norm
    # All-gathers before the forward and the backward pass, and a reduce-scatter; what is no block stays together.
    add(FLOAT32 * block * (s - 1) / s, s, span=s, times=(2 * passes + 1) * L)
    add(FLOAT32 * rest * (s - 1) / s, s, span=s, times=passes + 1)
    add(2 * (r - 1) / r * FLOAT32 * dense / s / (L + 1), r, span=shape.processes, times=L + 1)  # all-reduces
    copies = r * shape.shard
    add(2 * (copies - 1) / copies * FLOAT32 * routed / e, copies, span=shape.processes, times=1)
    exchanges = (ALL_TO_ALLS + 2 * recompute) * L * passes
    add(rows_sent * (e - 1) / e, e, span=e, times=exchanges)

    per_token = training_flops(model, gradient_checkpointing=recompute)
    return Plan(
        shape=shape,
        weights=FLOAT32 * own,
        gradients=FLOAT32 * own + accumulated,
        optimizer=2 * FLOAT32 * own,
        gathered=gathered,
        activations=activations,
        buffers=4 * rows_sent,  # sent, arrived, computed and back
        sent=sent,
        messages=messages,
        compute_s=rows * model.max_seq_len * per_token / cluster.flops,
        transfer_s=transfer_s,
    )


def tokens_in_words(preset: Preset) -> str:
    """Whether the preset's run has enough tokens for its size."""
    tokens, active = training_tokens(preset), count_parameters(preset.model).active
    each = tokens / active
    verdict = (
        "enough"
        if each >= ENOUGH_TOKENS
        else f"too few by that measure: {math.ceil(preset.train.steps * ENOUGH_TOKENS / each):,} steps would do"
    )
    return f"{each:.1f} for an active parameter; {ENOUGH_TOKENS} are taken to be enough, so they are {verdict}"


def assumptions(cluster: Cluster) -> str:
    """What the figures rest on, for the reader."""
    return (
        f"Assumed, not measured: {cluster.flops / 1e12:g} TFLOP/s a device, {cluster.within / 1e9:g} GB/s between "
        f"devices of a machine and {cluster.across / 1e9:g} GB/s between machines, {cluster.latency * 1e6:g} "
        "microseconds a message and process; rings, experts equally busy. Weights, gradients and AdamW are in float32. "
        "A step takes as long as its arithmetic where all messages are hidden behind it, and as both together where "
        "none is. What PyTorch itself takes comes on top."
    )


def describe(preset: Preset, cluster: Cluster, *, gradient_checkpointing: bool | None = None) -> list[tuple[str, ...]]:
    """The plans as a table: a row for each quantity, a column for each arrangement."""
    plans = [
        plan_run(preset, shape, cluster, gradient_checkpointing=gradient_checkpointing)
        for shape in arrangements(cluster, preset.model)
    ]
    steps = preset.train.steps

    def between(low: float, high: float, unit: str) -> str:
        return f"{low:.2g} to {high:.2g} {unit}" if f"{low:.2g}" != f"{high:.2g}" else f"{low:.2g} {unit}"

    return [
        ("", *(str(plan.shape) for plan in plans)),
        ("weights", *(size(plan.weights) for plan in plans)),
        ("gradients", *(size(plan.gradients) for plan in plans)),
        ("AdamW", *(size(plan.optimizer) for plan in plans)),
        ("brought together", *(size(plan.gathered) for plan in plans)),
        ("activations", *(size(plan.activations) for plan in plans)),
        ("all-to-all", *(size(plan.buffers) for plan in plans)),
        ("memory of a device", *(size(plan.memory) for plan in plans)),
        (f"fits {size(cluster.memory)}", *("yes" if plan.memory <= cluster.memory else "no" for plan in plans)),
        ("sent in a step", *(size(plan.sent) for plan in plans)),
        ("messages", *(f"{plan.messages:,}" for plan in plans)),
        ("a step", *(between(plan.compute_s, plan.compute_s + plan.transfer_s, "s") for plan in plans)),
        (
            "the run",
            *(
                between(plan.compute_s * steps / 3600, (plan.compute_s + plan.transfer_s) * steps / 3600, "h")
                for plan in plans
            ),
        ),
    ]
