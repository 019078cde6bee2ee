"""Checkpoints: everything a run needs to go on as if it had never stopped, in files that hold data and no code.

A run's folder looks like this:

    tokenizer.json            written by whoever starts the run; see `storyteller.runs.load`
    step-000200/              one checkpoint
        model.safetensors     the weights by parameter name
        state.safetensors     the optimizer's and the random generators' tensors
        checkpoint.json       step, place in the data, settings, and the checksums of all three files
    step-000400/

Where a run's weights are divided among several processes, each writes a file of its own in place of the first two
(`storyteller.distributed.sharded_checkpoint`); such a checkpoint is read here like any other.

A checkpoint is written into `.step-000400.partial`, forced to the disk and then renamed, so `step-000400` is either
whole or not there: a run may be killed at any moment. Reading checks the sums; a checkpoint that has been damaged since
is refused, and the one before it is used.
"""

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from storyteller.config import TrainConfig, with_current_names
from storyteller.errors import StorytellerError
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import force_to_disk

FORMAT = 1  # raised when the files change in a way that older programs cannot read
WEIGHTS, STATE, SETTINGS = "model.safetensors", "state.safetensors", "checkpoint.json"

PARTS = "shard-*.safetensors"  # the processes' files of a divided checkpoint
PLACES, OFFSETS = "DCP_SHARDING_INFO", "saved_offsets"  # in their headers: where in its tensor a part begins

CHECKPOINT_NAME = re.compile(r"step-\d+")  # of a checkpoint's folder

Notice = Callable[[str], None]  # called with a sentence for the user


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training state, as plain data."""

    step: int  # updates made
    weights: dict[str, Tensor]  # the model's, by parameter name
    state: dict[str, Tensor]  # tensors of the optimizer and the random generators
    values: dict[str, Any]  # the rest: what JSON can hold


def copied(checkpoint: Checkpoint) -> Checkpoint:
    """The same training state in memory of its own, so that training can go on while it is written."""
    weights, state = (
        {name: tensor.detach().clone() for name, tensor in tensors.items()}
        for tensors in (checkpoint.weights, checkpoint.state)
    )
    return replace(checkpoint, weights=weights, state=state)


class DamagedCheckpoint(StorytellerError):
    """A checkpoint whose files are not the ones that were written."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int = 2) -> Path:
    """Write a checkpoint into the run's folder, then delete all but the newest `keep`.

    Returns:
        the checkpoint's own folder, such as `step-000200`.

    Raises:
        StorytellerError: it could not be written (a full disk, say). The earlier checkpoints are untouched.
    """
    target = path_of(folder, checkpoint.step)
    partial = partial_of(target)
    try:
        clear_partial(folder)
        partial.mkdir(parents=True)
        _write(partial, checkpoint)
        if target.exists():  # os.replace does not replace a folder on Windows
            shutil.rmtree(target)
        os.replace(partial, target)
        force_to_disk(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StorytellerError(
            f"The checkpoint of step {checkpoint.step} could not be written to {folder} ({error}): make room or choose "
            f"another folder; the checkpoints already there are untouched, and the run can go on from the newest."
        ) from error
    delete_old(folder, keep=keep)
    return target


def partial_of(target: Path) -> Path:
    """Where a checkpoint lies while it is written."""
    return target.with_name(f".{target.name}.partial")


def clear_partial(folder: Path) -> None:
    """Delete what a run left that was killed while it saved."""
    for leftover in folder.glob(".step-*.partial"):
        shutil.rmtree(leftover)


def delete_old(folder: Path, *, keep: int) -> None:
    """Delete all checkpoints but the newest `keep`."""
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)  # what cannot be deleted now is tried again after the next


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    for name, tensors in ((WEIGHTS, checkpoint.weights), (STATE, checkpoint.state)):
        save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, folder / name)
    write_settings(folder, checkpoint, {name: file_checksum(folder / name) for name in (WEIGHTS, STATE)})
    for name in (WEIGHTS, STATE):  # safetensors lets only the owner read; these may be read like any other file
        shutil.copymode(folder / SETTINGS, folder / name)
    for path in (*folder.iterdir(), folder):
        force_to_disk(path)


def write_settings(folder: Path, checkpoint: Checkpoint, checksums: dict[str, str]) -> None:
    """Write `checkpoint.json`: step, settings, and the checksums of the checkpoint's other files."""
    content = {"format": FORMAT, "step": checkpoint.step, "sha256": checksums, "values": checkpoint.values}
    with (folder / SETTINGS).open("w", encoding="utf-8", newline="\n") as file:
        json.dump({"sha256": _checksum(content), "content": content}, file, indent=1)


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first, valid or not."""
    paths = [path for path in folder.glob("step-*") if CHECKPOINT_NAME.fullmatch(path.name)]
    return sorted(paths, key=_step_of)


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:06d}"


def check_checkpoint(path: Path, *, with_state: bool = True) -> Checkpoint:
    """Check every byte of a checkpoint, and read it without its tensors; arguments and errors as `read_checkpoint`."""
    try:
        saved = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
        content = saved["content"]
        if saved["sha256"] != _checksum(content):
            raise DamagedCheckpoint(f"{SETTINGS} has changed since it was written")
        if content["format"] != FORMAT:
            raise StorytellerError(
                f"{path} has format {content['format']} and this version reads format {FORMAT}: update storyteller."
            )
        for name in content["sha256"]:
            if (with_state or name != STATE) and content["sha256"][name] != file_checksum(path / name):
                raise DamagedCheckpoint(f"{name} has changed since it was written")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"{type(error).__name__}: {error}") from error
    values = content["values"]
    if "train_config" in values:  # a run of an older version goes on
        values["train_config"] = with_current_names(TrainConfig, values["train_config"])
    return Checkpoint(step=content["step"], weights={}, state={}, values=values)


def read_checkpoint(path: Path, *, with_state: bool = True) -> Checkpoint:
    """Read one checkpoint and check every byte of it.

    Args:
        path: the checkpoint's own folder, such as `step-000200`.
        with_state: False leaves out the optimizer and the random generators, which only training needs.

    Raises:
        DamagedCheckpoint: a file is missing, cut short or changed.
        StorytellerError: a newer version of this package wrote it.
    """
    checkpoint = check_checkpoint(path, with_state=with_state)
    try:
        weights = dict(stored_tensors(path))
        state = dict(stored_tensors(path, state=True)) if with_state else {}
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedCheckpoint(f"{type(error).__name__}: {error}") from error
    return replace(checkpoint, weights=weights, state=state)


def is_state(name: str) -> bool:
    """Whether a tensor of this name is the optimizer's or a random generator's, such as `random/torch`."""
    return "/" in name


def stored_tensors(path: Path, *, state: bool = False) -> Iterator[tuple[str, Tensor]]:
    """The whole tensors of a checkpoint by name, one after the other; those of a divided one are put together.

    Args:
        path: the checkpoint's own folder; its bytes are not checked.
        state: those of the optimizer and the random generators, in place of the weights.

    Raises:
        OSError, SafetensorError, ValueError, KeyError: a file is not as it was written.
    """
    files = sorted(path.glob(PARTS))
    if not files:
        with safe_open(path / (STATE if state else WEIGHTS), framework="pt") as whole:
            for name in whole.keys():  # noqa: SIM118  # no dict
                yield name, whole.get_tensor(name)
        return
    with ExitStack() as opened:
        where: dict[str, list[tuple[Any, list[int]]]] = {}  # name -> files, and where in the tensor their parts begin
        for file in files:
            part = opened.enter_context(safe_open(file, framework="pt"))
            places = json.loads(part.metadata()[PLACES])
            for name in part.keys():  # noqa: SIM118  # no dict
                if is_state(name) is state:
                    where.setdefault(name, []).append((part, places[name][OFFSETS]))
        for name, parts in where.items():
            shapes = [part.get_slice(name).get_shape() for part, _ in parts]
            ends = (
                [a + b for a, b in zip(begin, shape, strict=True)]
                for (_, begin), shape in zip(parts, shapes, strict=True)
            )
            together = [max(along) for along in zip(*ends, strict=True)]
            tensor: Tensor | None = None
            for part, begin in parts:
                piece = part.get_tensor(name)
                if tensor is None:
                    tensor = piece.new_empty(together)
                tensor[tuple(slice(a, a + b) for a, b in zip(begin, piece.shape, strict=True))] = piece
            assert tensor is not None
            yield name, tensor


def load_checkpoint(
    folder: Path,
    *,
    fingerprint: str | None = None,
    with_state: bool = True,
    notice: Notice | None = None,
    read: Callable[..., Checkpoint] = read_checkpoint,
) -> Checkpoint:
    """The latest valid checkpoint of a run.

    Args:
        folder: the run's folder.
        fingerprint: of the tokenizer that will be used; None does not compare.
        with_state: as in `read_checkpoint`.
        notice: called when a damaged checkpoint was passed over; None gives a Python warning.
        read: called as `read_checkpoint`; `check_checkpoint` gives it without tensors.

    Raises:
        StorytellerError: there is no checkpoint, none is valid, or another tokenizer belongs to it.
    """
    faults: list[str] = []
    for path in reversed(list_checkpoints(folder)):
        try:
            checkpoint = read(path, with_state=with_state)
        except DamagedCheckpoint as error:
            faults.append(f"{path.name} is damaged ({error})")
            continue
        written_with = checkpoint.values.get("tokenizer")
        if fingerprint and written_with and fingerprint != written_with:
            raise StorytellerError(
                f"The model in {folder} was trained with another tokenizer (fingerprint {written_with[:12]}, not "
                f"{fingerprint[:12]}): use the tokenizer.json that belongs to it, or train anew in another folder."
            )
        if faults:
            (notice or warnings.warn)(f"{'; '.join(faults)}: using {path.name}, the one before.")
        return checkpoint
    if faults:
        raise StorytellerError(f"No checkpoint in {folder} can be used: {'; '.join(faults)}. Start a new run.")
    raise StorytellerError(f"There is no checkpoint in {folder}: train a model there first, or name another folder.")


def set_aside_after(folder: Path, step: int) -> None:
    """Rename the checkpoints after `step` (damaged ones that were passed over), so that they no longer count."""
    for path in list_checkpoints(folder):
        if _step_of(path) > step:
            aside = path.with_name(f"{path.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(path, aside)


def refuse_other_parts(model: Decoder, values: dict[str, Any]) -> None:
    """Refuse a checkpoint whose model was built of other parts (`Decoder.replaced_parts`) than this one.

    Raises:
        StorytellerError: it was; the weights would fit, and the model would compute something else.
    """
    trained, own = (tuple(names) for names in (values.get("replaced_parts", ()), model.replaced_parts))
    if trained != own:
        kinds = [
            f"parts of its own ({', '.join(names)})" if names else "the library's parts" for names in (trained, own)
        ]
        options = "".join(f", {name}=my_{name}" for name in trained)
        build = f"functools.partial(build_model{options})" if trained else "build_model"
        raise StorytellerError(
            f"The checkpoint was trained with {kinds[0]}, and this model is built of {kinds[1]}: build it of the same, "
            f"as in load_model(folder, build={build})."
        )


def model_weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and saved buffers by name. A weight that two layers share is there once."""
    saved = model.state_dict().keys()
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in saved}
    return {name: parameter.detach() for name, parameter in model.named_parameters()} | buffers


def restore_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy saved weights into a model.

    Raises:
        StorytellerError: the names or shapes are not those of the model.
    """
    own = model_weights(model)
    _refuse_unfit(
        name for name in own.keys() | weights.keys()
        if name not in own or name not in weights or own[name].shape != weights[name].shape
    )  # fmt: skip
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def load_weights(path: Path, model: nn.Module) -> None:
    """As `restore_weights`, from a checkpoint's own folder: of its tensors, one at a time is in memory."""
    own = model_weights(model)
    missing = set(own)
    with torch.no_grad():
        for name, tensor in stored_tensors(path):
            if name not in own or own[name].shape != tensor.shape:
                _refuse_unfit([name])
            own[name].copy_(tensor)
            missing.discard(name)
    _refuse_unfit(missing)


def _refuse_unfit(names: Iterable[str]) -> None:
    if wrong := sorted(names):
        raise StorytellerError(f"The checkpoint does not fit the model: {', '.join(wrong[:3])} differ; use its config.")


def optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """What the optimizer remembers of each parameter, as `optimizer/PARAMETER/KEY`, such as `exp_avg` in AdamW."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer/{name}/{key}": torch.as_tensor(value)
        for index, name in enumerate(_names_in_order(optimizer, model))
        for key, value in state.get(index, {}).items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give an optimizer its memory back. Its settings stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for index, name in enumerate(_names_in_order(optimizer, model)):
        prefix = f"optimizer/{name}/"
        # A copy: what was read from a checkpoint may still lie in its file, which will be deleted one day.
        memory = {key[len(prefix) :]: tensor.clone() for key, tensor in tensors.items() if key.startswith(prefix)}
        if memory:
            state[index] = memory
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _names_in_order(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """The parameters' names in the order in which the optimizer numbers them."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
