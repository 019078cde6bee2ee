"""How the processes of a run are arranged: `replicate` x `shard` x `expert`, in one place.

    >>> choose_mesh(8, shard=2, expert=2)
    MeshShape(replicate=2, shard=2, expert=2)

Every process reads sequences of its own, whatever the arrangement. It decides who keeps which weights:

    replicate   the same weights as the process beside it; the gradients are summed
    shard       of every weight a part; a block's weights are brought together just before the block is computed
    expert      other experts; tokens travel to the process that has their experts, and back

Weights that are not an expert's are sharded over `shard` x `expert` together, so a process of the `expert` dimension
keeps no more of them than one of the `shard` dimension. Experts are split over `expert` alone: along `shard` each
process has its experts whole.

Sources: Rajbhandari et al. 2020, "ZeRO" (sharding) · Zhao et al. 2023, "PyTorch FSDP" (hybrid sharding: shards within
a machine, replicas across machines) · Lepikhin et al. 2020, "GShard" (experts on other devices).
"""

from dataclasses import dataclass

from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError, require


@dataclass(frozen=True)
class MeshShape:
    """How many processes stand along each dimension; neighbours in rank differ in `expert`, then in `shard`."""

    replicate: int = 1
    shard: int = 1
    expert: int = 1

    @property
    def processes(self) -> int:
        """All of them."""
        return self.replicate * self.shard * self.expert

    @property
    def sharded(self) -> int:
        """Among how many processes a weight that is no expert's is divided; 1 where each has all of it."""
        return self.shard * self.expert

    def __str__(self) -> str:
        """Such as `replicate 2 x shard 4`."""
        named = (("replicate", self.replicate), ("shard", self.shard), ("expert", self.expert))
        return " x ".join(f"{name} {number}" for name, number in named if number > 1) or "one process"


def choose_mesh(processes: int, *, shard: int = 1, expert: int = 1) -> MeshShape:
    """The arrangement of so many processes; what `shard` and `expert` leave is `replicate`.

    Raises:
        StorytellerError: they do not divide the number of processes.
    """
    require(min(processes, shard, expert) >= 1, "--processes, --shard and --expert must be 1 or more.")
    if processes % (shard * expert):
        raise StorytellerError(
            f"--shard {shard} and --expert {expert} need a number of processes that {shard * expert} divides, and "
            f"--processes is {processes}: give {shard * expert}, or a multiple of it."
        )
    return MeshShape(processes // (shard * expert), shard, expert)


def check_fits(shape: MeshShape, model: ModelConfig) -> None:
    """Refuse a model whose experts cannot be split so.

    Raises:
        StorytellerError: it is dense, or the number of its experts is no multiple of `expert`.
    """
    if shape.expert > 1 and (not model.n_experts or model.n_experts % shape.expert):
        kind = f"{model.n_experts} experts" if model.n_experts else "none"
        raise StorytellerError(
            f"--expert {shape.expert} needs a model whose number of experts is a multiple of {shape.expert}, and this "
            f"one has {kind}: choose a divisor of it, or use --shard."
        )


@dataclass(frozen=True)
class Meshes:
    """PyTorch's meshes of one arrangement, each with the process groups of its dimensions."""

    shape: MeshShape
    dense: DeviceMesh  # (replicate, shard * expert): of all weights but the experts'
    experts: DeviceMesh  # (replicate * shard, expert): of the experts'

    @classmethod
    def build(cls, shape: MeshShape, device_type: str) -> "Meshes":
        """Make the process groups; every process of the run must call this at the same place."""
        names = ("replicate", "shard")
        dense = init_device_mesh(device_type, (shape.replicate, shape.sharded), mesh_dim_names=names)
        size = (shape.replicate * shape.shard, shape.expert)
        return cls(shape, dense, init_device_mesh(device_type, size, mesh_dim_names=("copies", "expert")))
