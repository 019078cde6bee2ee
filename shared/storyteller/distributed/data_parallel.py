"""Data parallelism: every process computes some of a step's sequences, and all make the same update.

What `storyteller.training.processes.OneProcess` answers for one process, `ParallelProcesses` answers for many. The
order of the sequences is that of one process: of the rows of a step, process r of P takes the r-th part. Each pass is
weighted by its share of the whole step's targets, so gradients are summed over the processes and never averaged:
averages would count a process with few targets as much as one with many.

Sources: Li et al. 2020, "PyTorch Distributed: Experiences on Accelerating Data Parallel Training" · Zhao et al. 2023,
"PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel".
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from storyteller.distributed.expert_parallel import split_experts, sum_over_copies
from storyteller.distributed.mesh import Meshes, check_fits
from storyteller.distributed.sharded_checkpoint import load_shards, read_by_first, save_by_first, save_shards
from storyteller.distributed.worker import Worker
from storyteller.errors import require
from storyteller.moe.router import Router
from storyteller.training import checkpoint as ckpt
from storyteller.training.batches import IGNORE_INDEX, Batch, BatchSource
from storyteller.training.components import TrainerComponents
from storyteller.training.optim import parameter_groups
from storyteller.training.processes import OneProcess
from storyteller.transformer.decoder import Decoder, RMSNorm

T = TypeVar("T")


@runtime_checkable
class RowSource(Protocol):
    """Batches of which a part can be read; `storyteller.training.batches.TrainingBatches` is one."""

    batch_size: int

    def next_rows(self, rows: slice) -> Batch:
        """These rows of the next batch."""


class IdleBatch(Batch):
    """A batch that counts nothing: for a process that has no rows left while others still make a pass.

    Where weights or experts are shared out, a pass is made by all processes together.
    """

    @classmethod
    def like(cls, batch: Batch) -> "IdleBatch":
        """One row of the batch, without its targets."""
        inputs = batch.inputs[:1]
        return cls(inputs, torch.full_like(inputs, IGNORE_INDEX), torch.zeros_like(inputs))

    @property
    def n_tokens(self) -> int:
        """None of them counts."""
        return 0


class ParallelProcesses(OneProcess):
    """A run's answers where it has several processes.

    Args:
        worker: this process's place among the others.
        meshes: how they are arranged.
        dtype: in which products are computed; of divided weights, also that in which they are brought together.
    """

    alone = False

    def __init__(self, worker: Worker, meshes: Meshes, *, dtype: str = "float32") -> None:
        self.worker, self.meshes, self.dtype = worker, meshes, dtype
        self.is_first = worker.rank == 0
        self.has_whole_model = meshes.shape.sharded == 1
        # Checkpoints may be written while training sends messages.
        self._saving = dist.new_group(backend="gloo", timeout=timedelta(seconds=worker.timeout))
        self._wrapped: nn.Module | None = None
        self._experts: list[nn.Parameter] = []  # those that are split over the mesh's dimension `expert`

    # --- Before the first step ----------------------------------------------------------------------------------------

    def after_first(self, make: Callable[[], T]) -> T:
        """What `make` gives, called when the first process has called it: what that one wrote is there."""
        return self.worker.after_first(make)

    def wrap(self, model: Decoder) -> nn.Module:
        """Divide the model among the processes; see `storyteller.distributed.mesh`."""
        check_fits(self.meshes.shape, model.config)
        if self.has_whole_model:
            # The only buffer that changes is the router's bias, which every process moves alike.
            named = inspect.signature(DistributedDataParallel).parameters
            name = "forward_sync_buffers" if "forward_sync_buffers" in named else "broadcast_buffers"  # before 2.13
            still: dict[str, Any] = {name: False}
            ddp = DistributedDataParallel(model, gradient_as_bucket_view=True, **still)
            ddp.register_comm_hook(None, _sum_bucket)
            self._wrapped = ddp
            return ddp
        require(
            hasattr(FSDPModule, "set_force_sum_reduction_for_comms") and hasattr(dcp, "HuggingFaceStorageWriter"),
            f"--shard and --expert need a newer PyTorch than {torch.__version__}: pip install --upgrade torch.",
        )
        if self.meshes.shape.expert > 1:
            self._experts = split_experts(model, self.meshes.experts)
        mesh = self.meshes.dense if self.meshes.shape.replicate > 1 else self.meshes.dense["shard"]
        options: dict[str, Any] = {"mesh": mesh, "ignored_params": set(self._experts)}
        for block in model.blocks:
            if self.dtype == "bfloat16":
                # The matrices travel in 16 bits, in which they are multiplied anyway. What the router and the norms
                # compute stays in float32, and so do the embedding and the sums of gradients.
                exact: list[nn.Module] = [part for part in block.modules() if isinstance(part, Router | RMSNorm)]
                fully_shard(exact, **options)
                short = MixedPrecisionPolicy(torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False)
                fully_shard(block, mp_policy=short, **options)
            else:
                fully_shard(block, **options)
        fully_shard(model, **options)
        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.set_gradient_divide_factor(1.0)  # a sum, and by the operation that gloo has as well
                module.set_force_sum_reduction_for_comms(True)
        self._wrapped = model
        return model

    def components(self) -> TrainerComponents:
        """The functions that a trainer works with, of which two have to know where weights and gradients lie."""
        return TrainerComponents(clip_gradients=self.clip_gradients, parameter_groups=self.parameter_groups)

    def parameter_groups(self, model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
        """As `storyteller.training.optim.parameter_groups`; split experts apart, since they lie on another mesh."""
        own = {id(parameter) for parameter in self._experts}
        groups = []
        for group in parameter_groups(model, weight_decay):
            for experts in (False, True):
                parameters = [one for one in group["params"] if (id(one) in own) is experts]
                if parameters:
                    groups.append(group | {"params": parameters})
        return groups

    # --- In a step ----------------------------------------------------------------------------------------------------

    def draw(self, batches: BatchSource, number: int) -> list[Batch]:
        """The rows of the next `number` batches that this process computes, in as many passes as any process needs."""
        assert isinstance(batches, RowSource)
        size, processes = batches.batch_size, self.worker.processes
        first, stop = (number * size * place // processes for place in (self.worker.rank, self.worker.rank + 1))
        drawn, unused = [], None
        for index in range(number):
            rows = slice(*(min(max(0, edge - index * size), size) for edge in (first, stop)))
            if rows.start < rows.stop:
                drawn.append(batches.next_rows(rows))
            else:
                unused = batches.next_rows(slice(0, 1))
        self.worker.makes_progress()
        most = max(
            -(-(number * size * (place + 1) // processes) // size) - number * size * place // processes // size
            for place in range(processes)
        )
        idle = IdleBatch.like(drawn[0] if unused is None else unused)
        return drawn + [idle] * (most - len(drawn))

    def step_size(self, batches: Sequence[Batch]) -> tuple[int, int]:
        """Targets and tokens of a whole step, of which this process has these batches."""
        n_targets, n_tokens = super().step_size(batches)
        sizes = self.total(torch.tensor([n_targets, n_tokens]))[0].tolist()
        return int(sizes[0]), int(sizes[1])

    def passes(self, passes: Sequence[T]) -> Iterator[T]:
        """The passes one by one; only with the last one gradients travel, those of all passes together."""
        wrapped, last = self._wrapped, len(passes) - 1
        for number, each in enumerate(passes):
            if isinstance(wrapped, FSDPModule):
                wrapped.set_requires_gradient_sync(number == last)
            silent = isinstance(wrapped, DistributedDataParallel) and number < last
            with wrapped.no_sync() if silent else nullcontext():  # type: ignore[union-attr,operator]
                yield each
        sum_over_copies(self._experts, self.meshes.experts)

    def total(self, *figures: Tensor) -> tuple[Tensor, ...]:
        """Each figure, of any shape, summed over the processes: one message for all of them."""
        together = torch.cat([figure.detach().flatten().to("cpu", torch.float64) for figure in figures])
        dist.all_reduce(together)
        self.worker.makes_progress()
        parts = together.split([figure.numel() for figure in figures])
        return tuple(part.view_as(figure).to(figure) for part, figure in zip(parts, figures, strict=True))

    def clip_gradients(self, gradients: Sequence[Tensor], max_norm: float) -> tuple[Tensor, Sequence[Tensor]]:
        """As `storyteller.training.optim.clip_gradients`, by the length of the gradient over all processes."""
        if not gradients:
            return torch.zeros(()), gradients
        squares = torch.zeros((), dtype=torch.float64)
        for gradient in gradients:
            own = gradient.to_local() if isinstance(gradient, DTensor) else gradient
            copies = self.meshes.shape.sharded if not isinstance(gradient, DTensor) else 1
            if isinstance(gradient, DTensor) and gradient.device_mesh == self.meshes.experts:
                copies = self.meshes.shape.shard  # that have this part, among those that the sum below is over
            squares += own.square().sum().to("cpu", torch.float64) / copies
        if not self.has_whole_model:
            dist.all_reduce(squares, group=self.meshes.dense.get_group("shard"))
        norm = squares.sqrt()
        if norm <= max_norm or not torch.isfinite(norm):
            return norm, gradients
        factor = max_norm / norm.item()
        return norm, [gradient * factor for gradient in gradients]

    def share(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """Every P-th batch of an evaluation; all processes get equally many, the last of which may be idle."""
        rank, processes = self.worker.rank, self.worker.processes
        for first in range(0, len(batches), processes):
            place = first + rank
            yield batches[place] if place < len(batches) else IdleBatch.like(batches[first])
        if isinstance(self._wrapped, FSDPModule):
            self._wrapped.reshard()  # a forward pass leaves the embedding together, for a backward pass to come

    def stops(self, wanted: bool) -> bool:
        """Whether any process wants to stop."""
        return bool(self.total(torch.tensor(float(wanted)))[0] > 0)

    # --- Checkpoints --------------------------------------------------------------------------------------------------

    def save_checkpoint(self, folder: Path, checkpoint: ckpt.Checkpoint, *, keep: int) -> Path:
        """Of a model that each process has whole, by the first; otherwise each process writes its part."""
        if self.has_whole_model:
            return save_by_first(folder, checkpoint, keep=keep, group=self._saving)
        return save_shards(folder, checkpoint, keep=keep, group=self._saving)

    def load_checkpoint(
        self, folder: Path, model: Decoder, *, fingerprint: str | None, notice: ckpt.Notice
    ) -> ckpt.Checkpoint:
        """The latest valid checkpoint, written by however many processes; of each tensor this process's part."""
        path = read_by_first(folder, fingerprint=fingerprint, notice=notice)
        return ckpt.read_checkpoint(path) if self.has_whole_model else load_shards(path, model)


def _sum_bucket(state: object, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
    """In place of DDP's mean: the sum of a bucket of gradients over all processes."""
    work = dist.all_reduce(bucket.buffer(), async_op=True)
    assert work is not None
    summed: torch.futures.Future[Tensor] = work.get_future().then(lambda finished: finished.value()[0])
    return summed
