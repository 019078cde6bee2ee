"""What a run was before: how a trained model has learned further, as `provenance.json` in the new run's folder.

A run that was reinforced or fine-tuned lies in a folder of its own; model card and page tell where it came from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import read_json, write_json

FILE_NAME = "provenance.json"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One way in which a trained model has learned further."""

    command: str  # "reinforce" or "finetune"
    base: str  # the name of the run that it began from
    base_step: int  # updates of that run
    base_tokens: int  # targets that it had seen
    how: str  # in words, behind "then": "reinforced on ..."
    settings: Mapping[str, Any]  # that must stay as they are where the run goes on
    finished: bool = False

    def __post_init__(self) -> None:
        kinds = (("command", str), ("base", str), ("base_step", int), ("base_tokens", int), ("how", str))
        if not all(isinstance(getattr(self, name), kind) for name, kind in kinds):
            raise TypeError("a field has the wrong kind")


def read_stages(folder: Path) -> tuple[Stage, ...]:
    """The stages of the run in the folder, the first one first; none for a run that was trained from nothing.

    Raises:
        StorytellerError: the file is damaged.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        return ()
    values = read_json(file, way_out="choose another folder with --out, or delete this one")
    try:
        return tuple(Stage(**stage) for stage in values)
    except TypeError as error:
        raise StorytellerError(
            f"{file} is damaged ({error}); choose another folder with --out, or delete it."
        ) from None


def write_stages(folder: Path, stages: Sequence[Stage]) -> None:
    """Write `provenance.json`, whole or not at all."""
    write_json(folder / FILE_NAME, [asdict(stage) for stage in stages])
