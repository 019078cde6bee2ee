"""Checkpoints of a run with several processes.

Where each process has the whole model, the first writes the files of `storyteller.training.checkpoint`. Where weights
are divided, each process writes what it has, through `torch.distributed.checkpoint`:

    step-000200/
        shard-00001-model-00001-of-00001.safetensors    the first process's parts of weights and optimizer
        shard-00002-model-00001-of-00001.safetensors    the second one's; each names the places of its parts
        checkpoint.json                                 as always: step, settings, and the checksums of all files

Both kinds are written aside and renamed, so a checkpoint is whole or not there, and both are read by any number of
processes: each takes of every tensor what it needs. The folder has to be the same for all processes.
"""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import cast

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from safetensors import SafetensorError
from torch.distributed.tensor import DTensor

from storyteller.errors import StorytellerError
from storyteller.training import checkpoint as ckpt
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import force_to_disk


def save_by_first(folder: Path, checkpoint: ckpt.Checkpoint, *, keep: int, group: dist.ProcessGroup) -> Path:
    """The first process writes; the others go on once it is written. `group`: as in `save_shards`."""
    if dist.get_rank() == 0:
        ckpt.save_checkpoint(folder, checkpoint, keep=keep)
    dist.barrier(group=group)
    return ckpt.path_of(folder, checkpoint.step)


def save_shards(folder: Path, checkpoint: ckpt.Checkpoint, *, keep: int, group: dist.ProcessGroup) -> Path:
    """Every process writes what it has of a checkpoint; then all but the newest `keep` are deleted.

    Args:
        folder: of the run.
        checkpoint: of its tensors, this process's parts.
        keep: how many checkpoints stay.
        group: all processes, in a group for this alone: training may send messages at the same time.

    Returns:
        the checkpoint's own folder.

    Raises:
        StorytellerError: some process could not write (a full disk, say). The earlier checkpoints are untouched.
    """
    target, first = ckpt.path_of(folder, checkpoint.step), dist.get_rank() == 0
    partial = ckpt.partial_of(target)
    tensors = checkpoint.weights | checkpoint.state
    if not first:  # the global random generators are each process's own; those of the first are kept
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("random/")}
    try:
        if first:
            ckpt.clear_partial(folder)
            partial.mkdir(parents=True)
        dist.barrier(group=group)
        writer = dcp.HuggingFaceStorageWriter(str(partial), save_distributed=True)
        dcp.save(tensors, storage_writer=writer, process_group=group)
        own = {path.name: ckpt.file_checksum(path) for path in partial.glob(f"shard-{dist.get_rank() + 1:05d}-*")}
        sums: list[dict[str, str]] = [{} for _ in range(dist.get_world_size())]
        dist.all_gather_object(sums, own, group=group)
        if first:
            together = {name: checksum for each in sums for name, checksum in sorted(each.items())}
            ckpt.write_settings(partial, checkpoint, together)
            for path in (*partial.iterdir(), partial):
                force_to_disk(path)
            if target.exists():
                shutil.rmtree(target)
            os.replace(partial, target)
            force_to_disk(folder)
            ckpt.delete_old(folder, keep=keep)
        dist.barrier(group=group)
    except (OSError, SafetensorError, dcp.CheckpointException) as error:
        rank, reason = dist.get_rank(), cast(BaseException, error)
        if isinstance(error, dcp.CheckpointException):
            rank, (reason, _) = next(iter(error.failures.items()))
            if not isinstance(reason, OSError | SafetensorError):
                raise RuntimeError(f"The checkpoint could not be written: {reason}") from reason
        raise StorytellerError(
            f"Process {rank} could not write its part of the checkpoint of step {checkpoint.step} to {folder} "
            f"({reason}): make room or choose another folder; the checkpoints already there are untouched, and the run "
            "can go on from the newest."
        ) from error
    return target


def read_by_first(folder: Path, *, fingerprint: str | None, notice: ckpt.Notice) -> Path:
    """The newest valid checkpoint: the first process looks for it and checks every byte, the others take its word."""
    found: list[str] = [""]
    if dist.get_rank() == 0:
        checkpoint = ckpt.load_checkpoint(folder, fingerprint=fingerprint, notice=notice, read=ckpt.check_checkpoint)
        found[0] = str(ckpt.path_of(folder, checkpoint.step))
    dist.broadcast_object_list(found, src=0)
    return Path(found[0])


def load_shards(path: Path, model: Decoder) -> ckpt.Checkpoint:
    """Of a checkpoint, written whole or in parts, what belongs to this process.

    Args:
        path: the checkpoint's own folder.
        model: divided among the processes; tensors of the checkpoint are divided as its weights are.
    """
    settings = json.loads((path / ckpt.SETTINGS).read_text(encoding="utf-8"))["content"]  # checked by the first
    reader = dcp.HuggingFaceStorageReader(str(path))
    own = ckpt.model_weights(model)
    tensors = {}
    for name, stored in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(stored, dcp.TensorStorageMetadata)
        weight = own.get(name.split("/")[1] if name.startswith("optimizer/") else name)
        shape, dtype = stored.size, stored.properties.dtype
        if isinstance(weight, DTensor) and weight.shape == shape:
            tensors[name] = torch.empty_like(weight, dtype=dtype)
        else:
            tensors[name] = torch.empty(shape, dtype=dtype, device=None if weight is None else weight.device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # it is not: everyone reads alone
        dcp.load(tensors, storage_reader=reader, no_dist=True)
    state = {name: tensor for name, tensor in tensors.items() if ckpt.is_state(name)}
    return ckpt.Checkpoint(
        step=settings["step"],
        weights={name: tensor for name, tensor in tensors.items() if name not in state},
        state=state,
        values=settings["values"],
    )
