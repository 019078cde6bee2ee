"""Expert parallelism: every process keeps some of the experts, and tokens travel to them and back.

The router is the same on all processes. Each sends a token's features to the processes that have its experts (an
all-to-all in which every pair of processes exchanges as many rows as the router says), computes its own experts on what
arrives, and sends the results back the same way. The sum is the one of `storyteller.moe.dispatch`.

Legend: `N` tokens of this process, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts a
token is routed to, `P` processes along the mesh's dimension `expert`, each with E/P experts; `R` rows that this process
sends (N*k, unless some were dropped), `S` rows that it receives.

Source: Lepikhin et al. 2020, "GShard", section 3.2, here with uneven messages in place of a capacity.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard

from storyteller.moe.dispatch import Experts, choose_dispatch, combine, sort_by_expert
from storyteller.moe.layer import MoELayer


class _AllToAll(torch.autograd.Function):
    """Rows to the other processes and rows from them; the gradients travel the way back."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sent: list[int], received: list[int], group: dist.ProcessGroup) -> Tensor:
        ctx.sent, ctx.received, ctx.group = sent, received, group
        arrived = rows.new_empty(sum(received), rows.size(1))
        dist.all_to_all_single(arrived, rows.contiguous(), received, sent, group=group)
        return arrived

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        gradient = gradients[0].contiguous()
        back = gradient.new_empty(sum(ctx.sent), gradient.size(1))
        dist.all_to_all_single(back, gradient, ctx.sent, ctx.received, group=ctx.group)
        return back, None, None, None


class ExpertParallelDispatch:
    """A `storyteller.moe.dispatch.Dispatch` whose experts lie on P processes.

    Args:
        group: those processes; the p-th has the p-th E/P of the experts.
    """

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group = group

    def __call__(self, x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Experts) -> Tensor:
        """(N, D) to (N, D), as every dispatch; `experts` has stacked weights that are split over the processes."""
        own = Experts(*(_local(weights) for weights in (experts.gate_up, experts.down)))
        P, E = dist.get_world_size(self.group), len(experts)
        order, sizes = sort_by_expert(expert_ids, E)  # (R,), (E,)
        token, gate = order // expert_ids.size(1), gate_weights.flatten().index_select(0, order)  # (R,) each
        arriving = torch.empty_like(sizes)  # (E,): from each process, how many rows for each of my experts
        dist.all_to_all_single(arriving, sizes.contiguous(), group=self.group)
        sent, received = (counts.view(P, -1).sum(dim=1).tolist() for counts in (sizes, arriving))  # P numbers each
        rows = _AllToAll.apply(x.index_select(0, token), sent, received, self.group)  # (S, D)
        outputs = rows  # where no row arrives, this process still takes part in the exchange, and in its gradient
        if len(rows):
            which = torch.arange(E // P, device=x.device).repeat(P).repeat_interleave(arriving)  # (S,), of my experts
            weight = torch.ones_like(which[:, None], dtype=gate_weights.dtype)  # the gate weights stay with the tokens
            outputs = choose_dispatch(rows, own)(rows, weight, which[:, None], own)  # (S, D)
        back = _AllToAll.apply(outputs, received, sent, self.group)  # (R, D)
        return combine(back, token, gate, x)


def _local(weights: Tensor) -> Tensor:
    return weights.to_local() if isinstance(weights, DTensor) else weights


def split_experts(model: nn.Module, mesh: DeviceMesh) -> list[nn.Parameter]:
    """Keep this process's experts in every MoE layer of a model, and let its tokens travel to the others'.

    Args:
        model: with all its experts.
        mesh: (copies, expert).

    Returns:
        The new parameters, `DTensor`s of the shape that they had.
    """
    group, size, place = mesh.get_group("expert"), mesh.size(1), mesh.get_local_rank("expert")
    split = []
    for layer in [part for part in model.modules() if isinstance(part, MoELayer)]:
        layer.dispatch = ExpertParallelDispatch(group)
        for name in ("gate_up", "down"):
            own = getattr(layer, name).detach().chunk(size)[place].clone()  # (E/P, ...)
            parameter = nn.Parameter(DTensor.from_local(own, mesh, (Replicate(), Shard(0)), run_check=False))
            setattr(layer, name, parameter)
            split.append(parameter)
    return split


def sum_over_copies(parameters: list[nn.Parameter], mesh: DeviceMesh) -> None:
    """Sum the experts' gradients over the processes that have the same experts.

    Along `expert` there is nothing to sum: an expert's gradient already has the tokens of all processes that sent any.
    """
    for parameter in parameters:
        if parameter.grad is None:  # no token came by
            parameter.grad = torch.zeros_like(parameter)
        gradient = parameter.grad
        assert isinstance(gradient, DTensor)
        if mesh.size(0) > 1:
            dist.all_reduce(gradient.to_local(), group=mesh.get_group("copies"))
