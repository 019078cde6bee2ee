"""What a trainer asks wherever a run may have several processes. Here there is one, and the answers are plain.

The trainer itself is written for one process. Whatever differs when a step is shared out goes through one object with
the methods of `OneProcess`; `storyteller.distributed.data_parallel.ParallelProcesses` is the other one.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn

from storyteller.training import checkpoint as ckpt
from storyteller.training.batches import Batch, BatchSource

if TYPE_CHECKING:
    from storyteller.transformer.decoder import Decoder

T = TypeVar("T")


class OneProcess:
    """The answers of a run in a single process.

    Attributes:
        alone: no other process computes on this machine's cores, so that passes may run on several threads.
        is_first: this process tells of the run and writes its files.
        has_whole_model: all weights are in this process, so that it can run the model by itself.
    """

    alone = True
    is_first = True
    has_whole_model = True

    def after_first(self, make: Callable[[], T]) -> T:
        """What `make` gives, called when the first process has called it: what that one wrote is there."""
        return make()

    def wrap(self, model: "Decoder") -> nn.Module:
        """The module whose forward pass a step calls; its parameters stay those of `model`."""
        return model

    def draw(self, batches: BatchSource, number: int) -> list[Batch]:
        """The next `number` batches: of all their rows, those that this process computes."""
        return [next(batches) for _ in range(number)]

    def step_size(self, batches: Sequence[Batch]) -> tuple[int, int]:
        """Targets and tokens of a whole step, of which this process has these batches."""
        return sum(batch.n_targets for batch in batches), sum(batch.n_tokens for batch in batches)

    def passes(self, passes: Sequence[T]) -> Iterable[T]:
        """The passes one by one; after the last of them the gradients are those of the whole step."""
        return passes

    def total(self, *figures: Tensor) -> tuple[Tensor, ...]:
        """Each figure, of any shape, summed over the processes."""
        return figures

    def share(self, batches: Sequence[Batch]) -> Iterable[Batch]:
        """Those of the batches of an evaluation that this process computes."""
        return batches

    def stops(self, wanted: bool) -> bool:
        """Whether the run stops before the next step: so that all stop at the same one, if any process wants it."""
        return wanted

    def save_checkpoint(self, folder: Path, checkpoint: ckpt.Checkpoint, *, keep: int) -> Path:
        """As `storyteller.training.checkpoint.save_checkpoint`."""
        return ckpt.save_checkpoint(folder, checkpoint, keep=keep)

    def load_checkpoint(
        self, folder: Path, model: "Decoder", *, fingerprint: str | None, notice: ckpt.Notice
    ) -> ckpt.Checkpoint:
        """As `storyteller.training.checkpoint.load_checkpoint`, of the tensors what belongs to this model's own."""
        return ckpt.load_checkpoint(folder, fingerprint=fingerprint, notice=notice)


ONE_PROCESS = OneProcess()
