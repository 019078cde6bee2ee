"""The answers of lesson 07, plain, in its order.

Legend: `P` ranks, `N` tokens of a rank, `D` model width, `F` feed-forward width, `E` experts, `k` experts of a token.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def bytes_per_device(
    parameters: int,
    ranks: int,
    *,
    stage: int,
    each: tuple[int, int, int] = (4, 4, 8),
) -> dict[str, int]:
    """What a model's parameters cost on each device in training.

    Args:
        parameters: of the whole model.
        ranks: how many devices there are.
        stage: what is divided among them: 0 nothing, 1 the optimizer's averages, 2 the
            gradients too, 3 the weights too.
        each: bytes for a parameter: its weight, its gradient, its averages.

    Returns:
        Bytes of the fullest device, as "weights", "gradients" and "optimizer". Where
        the parameters cannot be divided evenly, some devices have one more than others.

    Source: Rajbhandari et al. 2020 (ZeRO), section 5.
    """
    # Step 1: The number of parameters in the largest part.
    part = -(-parameters // ranks)
    # Step 2: For weights, gradients and averages: do all of them lie here, or one part?
    first_stages = {"weights": 3, "gradients": 2, "optimizer": 1}
    held = {name: part if stage >= first else parameters for name, first in first_stages.items()}
    # Step 3: Turn numbers into bytes.
    return {name: n * size for (name, n), size in zip(held.items(), each, strict=True)}


def ring_seconds(
    n_bytes: float,
    ranks: int,
    *,
    latency: float,
    bandwidth: float,
) -> float:
    """How long a ring all-reduce takes.

    Args:
        n_bytes: of the whole vector that every rank has.
        ranks: P; a single one sends nothing.
        latency: seconds that a message takes however short it is.
        bandwidth: bytes a second that a rank can send while it receives as many.

    Returns:
        Seconds, the time for adding left out.

    Source: Thakur et al. 2005, section 4.5.
    """
    # Goal: The steps of both halves of the ring, times the cost of one message.
    # Step 1: In each half every part travels to all ranks but the one where it begins.
    steps = 2 * (ranks - 1)
    # Step 2: In each step a rank sends one of P parts of the vector.
    return steps * (latency + n_bytes / ranks / bandwidth)


def ring_all_reduce(
    own: Tensor,
    rank: int,
    ranks: int,
    exchange: Callable[[Tensor], Tensor],
) -> Tensor:
    """The sum of all ranks' tensors, by messages to the next rank alone.

    Every rank runs this code. It cuts its tensor, flattened, into P parts as
    `tensor_split` does. In the first half, rank r begins by sending its part r, and
    from then on sends the part that it has just added to. In the second half it sends
    the part that has just become complete here. Numbers go round: part P is part 0.

    Args:
        own: this rank's tensor, of any shape; all ranks have the same shape.
        rank: r, the number of this rank.
        ranks: P, how many there are.
        exchange: sends a tensor to rank r + 1, and gives back what rank r - 1 sends at
            the same time. After the last rank comes rank 0.

    Returns:
        The sum over all ranks, in the shape of `own`.

    Source: Patarasuk and Yuan 2009; Thakur et al. 2005, section 4.5.
    """
    # Goal: First let sums grow along the ring (reduce-scatter), then pass the finished
    # ones round (all-gather).
    # Step 1: Cut the tensor, and keep the parts in a list.
    parts = list(own.flatten().tensor_split(ranks))
    # Step 2: Reduce-scatter, P - 1 exchanges: what arrives is the part before the one that was sent; add your own.
    for step in range(ranks - 1):
        arrived = exchange(parts[(rank - step) % ranks])
        place = (rank - step - 1) % ranks
        parts[place] = parts[place] + arrived
    # Step 3: All-gather, P - 1 exchanges: begin with the part that is complete here; what arrives is complete too.
    for step in range(ranks - 1):
        arrived = exchange(parts[(rank + 1 - step) % ranks])
        parts[(rank - step) % ranks] = arrived
    # Step 4: Put the parts together again.
    return torch.cat(parts).view_as(own)


def combine_gradients(
    gradients: Sequence[Tensor],
    n_targets: int,
    all_reduce: Callable[[Tensor], Tensor],
    *,
    max_norm: float,
) -> list[Tensor]:
    """The gradients of a step, from those of all ranks.

    Args:
        gradients: of each parameter, of the mean loss over the targets of this rank.
        n_targets: how many targets this rank has in the step.
        all_reduce: gives the sum of what all ranks call it with; all must call it
            equally often.
        max_norm: how long the gradient of the step may be, over all parameters
            together.

    Returns:
        The gradients of the mean loss over the targets of all ranks, on every rank the
        same, shortened to `max_norm` where they are longer.
    """
    # The part of the step that this rank has.
    total = all_reduce(torch.tensor(n_targets, dtype=torch.float64))
    share = n_targets / total
    # Over all ranks.
    combined = [all_reduce(gradient * share) for gradient in gradients]
    # Not too long a step.
    norm = torch.stack([gradient.norm() for gradient in combined]).norm()
    factor = (max_norm / norm).clamp(max=1.0) if norm > 0 else 1.0
    return [gradient * factor for gradient in combined]


def what_to_read(
    step: int,
    rank: int,
    ranks: int,
    *,
    n_rows: int,
    rows_per_step: int,
    seed: int,
) -> tuple[list[int], int]:
    """What a rank reads in a step of a run, and the seed of its dropout.

    All ranks together read `rows_per_step` rows in a step. An epoch has as many steps
    as there are whole ones; each epoch has an order of its own.

    Args:
        step: of the run, from 0.
        rank: r.
        ranks: P, a divisor of `rows_per_step`.
        n_rows: of the corpus.
        rows_per_step: of all ranks together.
        seed: of the run. Whatever P is, a run with this seed reads the same rows in the
            same step.

    Returns:
        The numbers of this rank's rows; and a seed for the noise in its layers, in
        this step.
    """
    epoch, place = divmod(step, n_rows // rows_per_step)
    # The order of this epoch.
    order = list(range(n_rows))
    random.Random(f"order {seed} {epoch}").shuffle(order)
    # This rank's rows of this step.
    rows = order[place * rows_per_step : (place + 1) * rows_per_step]
    own = rows[rank::ranks]
    # Noise is drawn anew in each step.
    noise = random.Random(f"noise {seed} {step} {rank}").getrandbits(60)
    return own, noise


def read_all(
    batches: Sequence[Any],
    step: Callable[[Any], None],
    all_reduce: Callable[[Tensor], Tensor],
) -> int:
    """Make an update from each batch of an epoch.

    Args:
        batches: this rank's; the ranks may have different numbers of them.
        step: makes an update from a batch, together with all other ranks, of which each
            must call it. With None in place of a batch a rank takes part and adds
            nothing.
        all_reduce: gives the sum of what all ranks call it with.

    Returns:
        How many updates were made, on every rank the same.
    """
    waiting = list(batches)
    steps = 0
    # As long as any rank has something to do.
    while all_reduce(torch.tensor(float(len(waiting)))) > 0:
        step(waiting.pop(0) if waiting else None)
        steps += 1
    return steps


def zero_step(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Any],
    rank: int,
    ranks: int,
    *,
    reduce_scatter: Callable[[Tensor], Tensor],
    all_gather: Callable[[Tensor], Tensor],
    update: Callable[[Tensor, Tensor, dict], tuple[Tensor, dict]],
) -> tuple[Tensor, dict[str, Any]]:
    """One update of one parameter of which each rank keeps a part of the averages.

    Args:
        parameter: any shape, the same on all ranks; it is not changed.
        gradient: this rank's, in the same shape; the ranks' gradients are to be added.
        state: what the step before gave back, of this rank's part; {} before the first.
        rank: r.
        ranks: P.
        reduce_scatter: takes a vector (n,) of every rank, and gives rank r part r of
            their sum, as `tensor_split` cuts it.
        all_gather: takes a part of every rank, and gives all of them the parts one
            behind the other, (n,).
        update: the optimizer's rule: takes a vector, its gradient and its state, and
            gives back the new vector and the new state. Its cost is that of the vector.

    Returns:
        The new parameter, whole and in its shape; and the new state, of the part.

    Source: Rajbhandari et al. 2020 (ZeRO), section 5.1.
    """
    # Step 1: The sum of all gradients, of which this rank needs one part.
    own_gradient = reduce_scatter(gradient.flatten())  # (n/P,)
    # Step 2: The same part of the parameter, and its update.
    own = parameter.flatten().tensor_split(ranks)[rank]  # (n/P,)
    own, state = update(own, own_gradient, state)
    # Step 3: All parts together again.
    return all_gather(own).view_as(parameter), state


def split_swiglu(
    gate_up: Tensor,
    down: Tensor,
    ranks: int,
) -> list[tuple[Tensor, Tensor]]:
    """Divide the weights of a SwiGLU layer so that each rank computes a part alone.

    Args:
        gate_up: (2F, D), the F rows of the gate above the F rows of the up-projection.
        down: (D, F).
        ranks: P, a divisor of F.

    Returns:
        For each rank its `gate_up` (2F/P, D), built alike, and its `down` (D, F/P). The
        outputs of the P small layers add up to the output of the whole one.

    Source: Shoeybi et al. 2019 (Megatron-LM), section 3.
    """
    # Step 1: Take gate and up-projection apart.
    gate, up = gate_up.chunk(2)  # (F, D) each
    # Step 2: Each rank gets the same F/P features of all three.
    parts = zip(gate.chunk(ranks), up.chunk(ranks), down.chunk(ranks, dim=1), strict=True)
    # Step 3: A rank's gate goes above its up-projection.
    return [(torch.cat([one, two]), columns) for one, two, columns in parts]


def expert_parallel(
    x: Tensor,
    gates: Tensor,
    expert_ids: Tensor,
    n_experts: int,
    ranks: int,
    compute: Callable[[Tensor, Tensor], Tensor],
    all_to_all: Callable[[list[Tensor]], list[Tensor]],
) -> Tensor:
    """The output of a layer of experts that lie on several ranks.

    Rank 0 has the first E/P experts, rank 1 the next, and so on. Every rank runs this
    code with tokens of its own.

    Args:
        x: (N, D), the tokens of this rank; N may differ from rank to rank, and be 0.
        gates: (N, k), the weight of each choice.
        expert_ids: (N, k) int64, the experts that are chosen.
        n_experts: E, of all ranks together, a multiple of P.
        ranks: P.
        compute: takes rows (R, D) and the expert of each (R,), and gives the experts'
            outputs (R, D); only for experts of this rank.
        all_to_all: takes P tensors, one for each rank, of any lengths; gives the P
            tensors that the ranks have sent here, in their order.

    Returns:
        (N, D), for each token the sum over its choices of weight times output.

    Source: Lepikhin et al. 2020 (GShard), section 3.2.
    """
    # Goal: Send each choice to the rank of its expert, let it be computed there, bring
    # the answer back to its token, and add up.
    # Step 1: One line a choice: its token, its expert, its rank.
    token = torch.arange(len(x)).repeat_interleave(expert_ids.size(1))  # (N*k,)
    chosen = expert_ids.reshape(-1)  # (N*k,)
    owner = chosen // (n_experts // ranks)
    # Step 2: Which choices go to which rank? Remember them: the answers will come in the same order.
    sent = [(owner == rank).nonzero().flatten() for rank in range(ranks)]
    # Step 3: Send rows, and which expert each is for.
    rows = all_to_all([x[token[choices]] for choices in sent])
    wanted = all_to_all([chosen[choices] for choices in sent])
    # Step 4: Compute what has arrived, rank by rank, and send it back.
    outputs = [compute(*one) for one in zip(rows, wanted, strict=True)]
    answers = all_to_all(outputs)
    # Step 5: Add each answer to its token, by its weight.
    y = torch.zeros_like(x)
    for choices, answer in zip(sent, answers, strict=True):
        y.index_add_(0, token[choices], gates.flatten()[choices, None] * answer)
    return y


def bubble_fraction(stages: int, microbatches: int) -> float:
    """The share of a pipeline's time in which a device waits.

    Args:
        stages: devices behind one another, each with as many layers.
        microbatches: into which a step's batch is cut; a device works on one at a time.

    Returns:
        Between 0 and 1: of the time from the first microbatch entering to the last one
        leaving, the part that a device has nothing to do.

    Source: Huang et al. 2019 (GPipe), section 2.3.
    """
    # Goal: The turns in which a device waits, over all turns.
    # Step 1: How many turns does the last microbatch need until it leaves the last stage?
    turns = microbatches + stages - 1
    # Step 2: In how many of them does a device work?
    return (turns - microbatches) / turns


def reshard(states: Sequence[Mapping[str, Any]], ranks: int) -> list[dict[str, Any]]:
    """The states that another number of ranks would have saved.

    Args:
        states: of one parameter, from each rank in its order. Their tensors, of each
            name one, are parts of a vector of n numbers as `tensor_split` cuts it; what
            is no tensor is the same in all of them.
        ranks: how many are to read them.

    Returns:
        The states of so many ranks, built alike.
    """
    # Goal: For each name the whole vector, cut for the new number of ranks.
    # Step 1: The whole vectors, cut anew; everything else is kept as it is.
    anew: list[dict[str, Any]] = [{} for _ in range(ranks)]
    for name, value in states[0].items():
        is_cut = isinstance(value, Tensor)
        whole = torch.cat([state[name] for state in states]) if is_cut else value
        # Step 2: To each rank its part.
        for place, part in enumerate(whole.tensor_split(ranks) if is_cut else [whole] * ranks):
            anew[place][name] = part
    return anew


def plan_run(
    law: Mapping[str, float],
    sizes: Sequence[int],
    devices: Sequence[int],
    *,
    deadline: float,
    budget: float,
    memory: float,
    flops: float,
    latency: float,
    bandwidth: float,
    tokens_per_step: int,
) -> dict[str, float] | None:
    """Choose a model's size and a number of devices for a run.

    Args:
        law: the numbers of the scaling law, by the names that lesson 05 gave them.
        sizes: numbers of parameters to choose from.
        devices: numbers of devices to choose from.
        deadline: seconds from the beginning of the run to its end.
        budget: seconds of one device that may be paid for; two devices cost twice.
        memory: bytes of a device for weights, gradients and averages; the averages are
            divided among the devices (stage 1).
        flops: floating-point operations a second of a device.
        latency: of a message, in seconds.
        bandwidth: of a device, in bytes a second.
        tokens_per_step: of all devices together.

    Returns:
        "parameters", "devices", "steps" (whole ones) and "loss" (by the law) of the
        plan of which the law expects most; of equally good ones that with the fewest
        devices. None where no plan fits and makes a step.
    """
    # Step 1: Look at each size on each number of devices, if it fits there.
    plans = []
    for N in sizes:
        for P in devices:
            if sum(bytes_per_device(N, P, stage=1).values()) > memory:
                continue
            # Step 2: The time of a step: the arithmetic is shared, then the gradients (float32) go round the ring.
            compute = 6 * N * tokens_per_step / (P * flops)
            seconds = compute + ring_seconds(4 * N, P, latency=latency, bandwidth=bandwidth)
            # Step 3: How many steps do deadline and budget allow, and what does the law expect then?
            steps = math.floor(min(deadline, budget / P) / seconds)
            if steps >= 1:
                tokens = steps * tokens_per_step
                loss = law["floor"] + law["A"] / N ** law["alpha"] + law["B"] / tokens ** law["beta"]
                plans.append({"parameters": N, "devices": P, "steps": steps, "loss": loss})
    # Step 4: The best of them.
    return min(plans, key=lambda plan: (plan["loss"], plan["devices"]), default=None)
