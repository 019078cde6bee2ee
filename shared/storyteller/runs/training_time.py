"""How long a run was trained: kept in its folder as `training_time.json`, one entry for each sitting."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.training.trainer import Trainer
from storyteller.utils.atomic_io import read_json, write_json

TIME_FILE = "training_time.json"


@contextmanager
def timing(trainer: Trainer, folder: Path) -> Iterator[None]:
    """Note from which step to which the trainer went inside, and how many seconds it took.

    After a kill nothing is noted: then the run's time is not known (`training_seconds`).

    Raises:
        StorytellerError: the file is damaged; before anything is trained.
    """
    sittings = _sittings(folder)
    first, started = trainer.step, time.monotonic()
    yield
    sittings.append({"from": first, "to": trainer.step, "seconds": round(time.monotonic() - started, 3)})
    write_json(folder / TIME_FILE, sittings)


def training_seconds(folder: Path, *, step: int) -> float | None:
    """Seconds of training until this step; None unless the sittings join from the first step to exactly this one."""
    reached, seconds = 0, 0.0
    for sitting in _sittings(folder):
        if sitting["from"] != reached or reached == step:
            break
        reached, seconds = sitting["to"], seconds + sitting["seconds"]
    return seconds if reached == step and reached > 0 else None


def _sittings(folder: Path) -> list[dict]:
    file = folder / TIME_FILE
    sittings = read_json(file, way_out="delete it") if file.is_file() else []
    sound = isinstance(sittings, list) and all(
        isinstance(one, dict) and one.keys() == {"from", "to", "seconds"} for one in sittings
    )
    if not sound:
        raise StorytellerError(f"{file} holds something else than sittings of training; delete it.")
    return sittings
