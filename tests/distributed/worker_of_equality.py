"""What each process of `test_same_run.py` does: the same runs on several meshes; what came out of them, as a file."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from storyteller.config import ModelConfig, TrainConfig
from storyteller.distributed.data_parallel import ParallelProcesses
from storyteller.distributed.mesh import Meshes, choose_mesh
from storyteller.distributed.worker import joined
from storyteller.moe.layer import build_model
from storyteller.training.batches import TrainingBatches, validation_batches
from storyteller.training.checkpoint import model_weights
from storyteller.training.components import TrainerComponents
from storyteller.training.events import StepDone
from storyteller.training.processes import OneProcess
from storyteller.training.trainer import Trainer
from tiny_training import SEQ_LEN, tiny_model_config, tiny_source, tiny_train_config

STEPS = 20
# Of a step's rows: an even share, unequal shares, several passes of a process, fewer rows than processes.
SETTINGS: dict[str, dict[str, Any]] = {
    "even": {"batch_size": 4, "balance_scope": "global"},
    "unequal": {"batch_size": 5, "grad_accum_steps": 3, "balance_scope": "global"},
    "accumulated": {"batch_size": 3, "grad_accum_steps": 8},  # each pass is one that one process makes too
    "few": {"batch_size": 3, "balance_scope": "global", "max_grad_norm": 0.3},
    "bias": {"batch_size": 5, "grad_accum_steps": 2, "align_documents": True, "balance_scope": "global"},
    "checkpointing": {"batch_size": 4, "balance_scope": "global", "gradient_checkpointing": True},
    "dense": {"batch_size": 5},
}
COMPILED: dict[str, dict[str, Any]] = {
    "compiled": {"batch_size": 4, "balance_scope": "global", "compile": "on"},
    "compiled-dense": {"batch_size": 5, "compile": "on"},
}
DENSE = {"n_experts": 0, "tie_embeddings": False}
MODELS: dict[str, dict[str, Any]] = {"bias": {"balance": "bias"}, "dense": DENSE, "compiled-dense": DENSE}


def model_config(name: str) -> ModelConfig:
    return tiny_model_config(init_std=0.3, **MODELS.get(name, {}))


def train_config(name: str) -> TrainConfig:
    return tiny_train_config(steps=STEPS, **({"max_grad_norm": 0.5} | (SETTINGS | COMPILED)[name]))


def new_trainer(name: str, processes: OneProcess, components: TrainerComponents, **options: Any) -> Trainer:
    """A run in float64, in which almost every gradient is clipped."""
    shape, config = model_config(name), train_config(name)
    source = tiny_source(documents=60)
    return Trainer(
        build_model(shape, seed=1).double(),
        config,
        TrainingBatches(
            source, batch_size=config.batch_size, seq_len=SEQ_LEN, seed=1, align_documents=config.align_documents
        ),
        validation=validation_batches(tiny_source(seed=9), batch_size=3, seq_len=SEQ_LEN, limit=3),
        processes=processes,
        components=components,
        **options,
    )


def outcome(trainer: Trainer) -> dict[str, Any]:
    """Losses of every step, the gradient of the last, and the weights; of divided tensors the whole."""
    told: list[StepDone] = []
    trainer.subscribe(lambda event: told.append(event) if isinstance(event, StepDone) else None)
    trainer.run()
    gradients = {name: parameter.grad for name, parameter in trainer.model.named_parameters()}
    memories = [value for memory in trainer.optimizer.state.values() for value in memory.values() if value.dim()]
    kept = [trainer.model.parameters(), gradients.values(), memories]  # weights, gradients and AdamW's two averages
    numbers = torch.tensor([sum(own_part(tensor).numel() for tensor in kind) for kind in kept])
    assert trainer.metrics is not None
    return {
        "losses": [(one.loss, *one.balance_losses, one.router_z_loss, one.gradient_norm, one.tokens) for one in told],
        "validation": (trainer.metrics.loss, trainer.metrics.tokens),
        "numbers": trainer.processes.total(numbers)[0].tolist(),  # of all processes together
        "weights": {name: whole(tensor) for name, tensor in model_weights(trainer.model).items()},
        "gradients": {name: whole(tensor) for name, tensor in gradients.items() if tensor is not None},
    }


def whole(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().clone()


def own_part(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def main(folder: Path, *arrangements: str) -> None:
    """Each arrangement is SHARDxEXPERT:NAMES, such as 2x1:even,few."""
    with joined("cpu", timeout=60) as worker:
        for arrangement in arrangements:
            mesh, names = arrangement.split(":")
            shard, expert = map(int, mesh.split("x"))
            meshes = Meshes.build(choose_mesh(worker.processes, shard=shard, expert=expert), "cpu")
            for name in names.split(","):
                processes = ParallelProcesses(worker, meshes)
                found = outcome(new_trainer(name, processes, processes.components()))
                if worker.rank == worker.processes - 1:
                    torch.save(found, folder / f"{mesh}-{name}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
