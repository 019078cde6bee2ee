"""What each process of `test_resume_on_others.py` does: go on with the run in a folder; a mishap may come its way."""

import json
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from storyteller.distributed.data_parallel import ParallelProcesses
from storyteller.distributed.mesh import Meshes, choose_mesh
from storyteller.distributed.worker import joined
from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.training.batches import TrainingBatches, validation_batches
from storyteller.training.components import TrainerComponents
from storyteller.training.events import Event, Message, StepDone
from storyteller.training.processes import ONE_PROCESS, OneProcess
from storyteller.training.trainer import Trainer
from tiny_training import SEQ_LEN, tiny_model_config, tiny_source, tiny_train_config


def new_trainer(
    folder: Path,
    processes: OneProcess = ONE_PROCESS,
    components: TrainerComponents | None = None,
    *,
    steps: int = 12,
    in_background: bool = False,
) -> Trainer:
    """A run in float64 of 12 steps, of which a process may make only the first ones."""
    fields = {"balance_scope": "global", "checkpoint_every": 2, "async_checkpoints": in_background}
    config = tiny_train_config(steps=12, batch_size=5, grad_accum_steps=2, **fields)
    batches = TrainingBatches(tiny_source(documents=60), batch_size=5, seq_len=SEQ_LEN, seed=1)
    trainer = Trainer(
        build_model(tiny_model_config(n_experts=4), seed=1).double(),
        config,
        batches,
        validation=validation_batches(tiny_source(seed=9), batch_size=3, seq_len=SEQ_LEN, limit=3),
        folder=folder,
        processes=processes,
        components=components or TrainerComponents(),
    )

    def end_early(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == steps and steps < event.steps:
            os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C: the run keeps a checkpoint and ends in good order

    trainer.subscribe(end_early)
    return trainer


def meet(mishap: dict[str, Any], trainer: Trainer, rank: int) -> None:
    """Be killed, stand still or find no room on the disk, at a step of this process or at any moment."""
    if rank != mishap["rank"] or int(os.environ["TORCHELASTIC_RESTART_COUNT"]) >= mishap.get("times", 1):
        return

    def happen() -> None:
        if mishap["kind"] == "full disk":
            import resource  # not on Windows

            if trainer._saving is not None:  # an earlier checkpoint that is still being written found room
                trainer._saving[1].result()
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        else:
            os.kill(os.getpid(), {"kill": signal.SIGKILL, "stand still": signal.SIGSTOP}[mishap["kind"]])

    if "within" in mishap:
        threading.Timer(random.uniform(0, mishap["within"]), happen).start()
    else:
        trainer.subscribe(
            lambda event: happen() if isinstance(event, StepDone) and event.step == mishap["step"] else None
        )


def main(wanted: dict[str, Any]) -> None:
    with joined("cpu", timeout=wanted.get("timeout", 60)) as worker:
        shape = choose_mesh(worker.processes, shard=wanted.get("shard", 1), expert=wanted.get("expert", 1))
        processes = ParallelProcesses(worker, Meshes.build(shape, "cpu"))
        folder = Path(wanted["folder"])
        options = {"steps": wanted.get("steps", 12), "in_background": wanted.get("in_background", False)}
        trainer = new_trainer(folder, processes, processes.components(), **options)
        trainer.subscribe(lambda event: print(event.text) if worker.rank == 0 and isinstance(event, Message) else None)
        trainer.resume()
        if worker.rank == 0:
            print("begins at step", trainer.step, flush=True)
        if "mishap" in wanted:
            meet(wanted["mishap"], trainer, worker.rank)
        result = trainer.run()
        if result.interrupted:
            raise StorytellerError(f"stopped at step {result.step}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
