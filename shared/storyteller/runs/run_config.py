"""The configuration of a run, and how a folder keeps to it: `run.json`."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from storyteller.config import ModelConfig, TrainConfig, from_dict, to_dict
from storyteller.errors import StorytellerError, require
from storyteller.runs.provenance import read_stages
from storyteller.training.checkpoint import list_checkpoints, path_of
from storyteller.utils.atomic_io import read_json, write_json, writing


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a run is made of. Kept in `run.json`, so that the same command goes on with it."""

    preset: str  # the preset it began from
    corpus: str  # a corpus's name or a path, as `load_stories` takes it
    stories: int  # training stories at most
    model: ModelConfig
    train: TrainConfig
    seconds: float | None = None  # train for so long: turned into steps by a trial before the first one, then None
    threads: int | None = None  # of each pass on the CPU, chosen by the same trial; None takes PyTorch's own number

    def __post_init__(self) -> None:
        require(
            self.seconds is None or 0 < self.seconds < math.inf,
            f"A run of {self.seconds} seconds cannot be made: give a time above 0.",
        )

    def save(self, folder: Path) -> None:
        """Write `run.json`, whole or not at all."""
        values = {
            "preset": self.preset,
            "corpus": self.corpus,
            "stories": self.stories,
            "model": to_dict(self.model),
            "train": to_dict(self.train),
            "seconds": self.seconds,
            "threads": self.threads,
        }
        write_json(folder / "run.json", values)

    @classmethod
    def load(cls, folder: Path, *, way_out: str = "mend it, or name another run") -> "RunConfig":
        """Read `run.json`.

        Args:
            folder: the run's.
            way_out: what to do where the file is damaged, as the end of the sentence.

        Raises:
            StorytellerError: the file is not one of ours.
        """
        file = folder / "run.json"
        values = read_json(file, way_out=way_out)
        try:
            return cls(
                preset=values["preset"],
                corpus=values["corpus"],
                stories=values["stories"],
                model=from_dict(ModelConfig, values["model"]),
                train=from_dict(TrainConfig, values["train"]),
                seconds=values["seconds"],
                threads=values["threads"],
            )
        except (ValueError, KeyError, TypeError, AttributeError, StorytellerError) as error:
            raise StorytellerError(f"{file} is damaged ({str(error).rstrip('.')}); {way_out}.") from None


def resolve_run(wanted: RunConfig, folder: Path) -> RunConfig:
    """The configuration to follow in `folder`, saved there: `wanted`, or where a run has begun, that run's.

    A run that has begun keeps its corpus, model, seed, number of steps and dtype. Other settings may change: after
    running out of memory, the same command with a smaller batch goes on where it stopped. Nothing has begun while there
    is no tokenizer: whoever could not reach one corpus may name another.

    Raises:
        StorytellerError: the folder holds a run of another corpus or model, or cannot be made.
    """
    if stages := read_stages(folder):
        raise StorytellerError(
            f"{folder} holds a run that storyteller {stages[-1].command} made from {stages[-1].base}: go on with that "
            "command, or choose another --out."
        )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    saved: RunConfig | None = None
    if (folder / "run.json").is_file():
        saved = RunConfig.load(folder, way_out=_another_folder(folder))
        # The tokenizer and the shards, which are made first, are kept to their corpus.
        made_of = ("corpus", "stories", "vocab_size") if (folder / "tokenizer.json").is_file() else ()
        fixed = (*made_of, "seed", *to_dict(wanted.model)) if list_checkpoints(folder) else made_of
        was, asked = (
            {"corpus": run.corpus, "stories": run.stories, **to_dict(run.train), **to_dict(run.model)}
            for run in (saved, wanted)
        )
        if different := [f"{name} {was[name]}, not {asked[name]}" for name in fixed if was[name] != asked[name]]:
            raise StorytellerError(
                f"{folder} holds a run with {'; '.join(different)}: go on with those settings, or choose another --out."
            )
        if list_checkpoints(folder):
            train = replace(wanted.train, steps=saved.train.steps, dtype=saved.train.dtype)
            wanted = replace(saved, train=train)
    if wanted != saved:
        wanted.save(folder)
    return wanted


def _another_folder(folder: Path) -> str:
    return f"choose another folder with --out, or delete {folder}"


def is_finished(folder: Path) -> bool:
    """Whether the run in the folder has made its last step."""
    if not (folder / "run.json").is_file() or not (checkpoints := list_checkpoints(folder)):
        return False
    run = RunConfig.load(folder, way_out=_another_folder(folder))
    return run.seconds is None and checkpoints[-1] == path_of(folder, run.train.steps)
