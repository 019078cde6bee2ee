"""What each process of `test_short_weights.py` does: a run in bfloat16, and in which dtype each weight is there."""

import json
import sys
from pathlib import Path
from typing import Any

from storyteller.distributed.data_parallel import ParallelProcesses
from storyteller.distributed.mesh import Meshes, choose_mesh
from storyteller.distributed.worker import joined
from storyteller.training.events import StepDone
from storyteller.training.processes import ONE_PROCESS, OneProcess
from storyteller.training.trainer import Trainer
from tiny_training import tiny_trainer

FIELDS = {"steps": 10, "batch_size": 4, "grad_accum_steps": 2, "balance_scope": "global", "dtype": "bfloat16"}


def new_trainer(processes: OneProcess = ONE_PROCESS, **fields: Any) -> Trainer:
    parts = vars(processes.components()) if isinstance(processes, ParallelProcesses) else {}
    return tiny_trainer(processes=processes, validation=(), **parts, **(FIELDS | fields))


def outcome(trainer: Trainer) -> dict[str, Any]:
    """Losses of all steps, and the dtypes of some weights while the model computes and between two steps."""
    losses: list[float] = []
    seen: dict[str, str] = {}
    trainer.subscribe(lambda event: losses.append(event.loss) if isinstance(event, StepDone) else None)
    block = trainer.model.blocks[0]
    watched = {
        "attention": block.attention.qkv,
        "router": block.feed_forward.router,
        "norm": block.attention_norm,
        "embedding": trainer.model.embedding,
    }
    for name, module in watched.items():
        note = lambda module, inputs, name=name: seen.update({name: str(module.weight.dtype)})  # noqa: E731
        module.register_forward_pre_hook(note)
    trainer.run()
    return {"losses": losses, "seen": seen, "kept": sorted({str(one.dtype) for one in trainer.model.parameters()})}


def main(file: Path, fields: dict[str, Any]) -> None:
    with joined("cpu", timeout=60) as worker:
        meshes = Meshes.build(choose_mesh(worker.processes, shard=worker.processes), "cpu")
        found = outcome(new_trainer(ParallelProcesses(worker, meshes, dtype="bfloat16"), **fields))
        if worker.rank == 0:
            file.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
