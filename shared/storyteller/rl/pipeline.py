"""A trained run reinforced or fine-tuned, in a folder of its own; nothing of the run it begins from is changed.

runs/tiny-reinforced/
    provenance.json    what it began from and how it has learned (`storyteller.runs.provenance`)
    base/step-004882/  the weights it began from, to which the KL is taken; of a reinforced run only
    tokenizer.json, generation_config.json, openings.json, parts.json   of the base run
    run.json           once it is finished
    step-000040/       checkpoints
    sampled.json, sampled.txt   100 of its stories, told when it was finished
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from storyteller.config import TrainConfig, to_dict
from storyteller.corpus.load import load_stories
from storyteller.errors import StorytellerError
from storyteller.inference import generation_config
from storyteller.inference.generate import encode_prompt
from storyteller.moe.layer import build_model
from storyteller.rl.rewards import OF_TRAINING, REWARDS, Reward
from storyteller.rl.rollouts import Prompt
from storyteller.rl.settings import ReinforceConfig
from storyteller.rl.supervised import PairBatches, as_opening, encode_pairs, supervised_batch
from storyteller.rl.trainer import ReinforceTrainer
from storyteller.runs import openings
from storyteller.runs.load import load_trained, run_of
from storyteller.runs.pipeline import Notice, RunContext
from storyteller.runs.provenance import Stage, read_stages, write_stages
from storyteller.runs.run_config import RunConfig
from storyteller.runs.training_time import timing, training_seconds
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import STATE, Checkpoint, list_checkpoints, path_of
from storyteller.training.events import Event, StepDone, TrainingResult
from storyteller.training.token_shards import INDEX, open_shards
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import writing

BASE = "base"  # in the new run's folder
OF_THE_BASE = ("tokenizer.json", generation_config.FILE_NAME, openings.FILE_NAME, "parts.json")
WISHES = 2_000  # prompts of a corpus
TRAINING_STORIES = 20_000  # of the base's training, for the rewards that are made of them
HELD_OUT_PAIRS = 200


@dataclass(frozen=True, kw_only=True)
class ReinforceRun:
    """Which stories are asked for, what they are rewarded for, and how the model learns from it."""

    rewards: Mapping[str, float]  # name -> weight; a key of `REWARDS` or `OF_TRAINING`
    openings: Sequence[str] = ("",)  # how the stories begin; "" leaves that to the model
    wishes: str | None = None  # a corpus whose prompts are asked for, in place of the openings
    config: ReinforceConfig
    seconds: float | None = None  # learn for so long; None makes `config.train.steps` steps


def reinforce(
    base: Path,
    folder: Path,
    wanted: ReinforceRun,
    *,
    notice: Notice,
    on_event: Callable[[Event], None],
    device: torch.device,
    context: RunContext | None = None,
    build: Callable[..., Decoder] = build_model,
    rewards: Mapping[str, Reward] | None = None,
) -> TrainingResult:
    """Let a trained run learn from rewards of its own stories, or go on with it where the run in `folder` stopped.

    Args:
        base: the run's folder, or a checkpoint's own.
        folder: where the new run is kept.
        wanted: how it learns.
        notice, on_event, device, context: as in `storyteller.runs.pipeline.train`.
        build: called as `build_model`, for a model with replaced parts.
        rewards: further ones by name.

    Raises:
        StorytellerError: there is no trained model or no such reward, or the folder holds something else.
    """
    known = {**REWARDS, **(rewards or {})}
    for name in wanted.rewards:
        if name not in known and name not in OF_TRAINING:
            raise StorytellerError(f"There is no reward {name!r}; choose from {', '.join([*known, *OF_TRAINING])}.")
    prompts = [Prompt(opening) for opening in wanted.openings]
    if wanted.wishes is not None:
        stories = load_stories(wanted.wishes, limit=WISHES)
        prompts = [Prompt(as_opening(s.prompt), is_wish=True, facts=s.facts) for s in stories if s.prompt]
        if not prompts:
            raise StorytellerError(f"The stories of {wanted.wishes} have no prompts: choose another corpus of wishes.")
    if "wish" in wanted.rewards and prompts[0].facts is None:
        raise StorytellerError("The reward 'wish' needs prompts with facts: add --wishes storyworld-tales, or another.")
    settings = {
        "rewards": dict(wanted.rewards),
        "openings": list(wanted.openings),
        "wishes": wanted.wishes,
        "seconds": wanted.seconds,
        **asdict(wanted.config),
    }
    begun = _find(base, folder, "reinforce", settings)
    # To the last sitting's base the KL is taken, whatever has become of the run it came from.
    model, tokenizer, checkpoint = load_trained(folder / BASE if begun else base, device=device, build=build)
    if of_training := OF_TRAINING.keys() & wanted.rewards.keys():
        stories_read = _training_stories(run_of(base), tokenizer)
        known |= {name: OF_TRAINING[name](stories_read) for name in of_training}
    for prompt in prompts:  # one that cannot be read is refused before a folder is made
        encode_prompt(model, tokenizer, prompt.opening)
    trainer = ReinforceTrainer(
        model,
        tokenizer,
        prompts,
        {name: (known[name], weight) for name, weight in wanted.rewards.items()},
        wanted.config,
        folder=folder,
        on_event=on_event,
        parallel_microbatches=torch.get_num_threads() if device.type == "cpu" else 1,
    )
    if not begun:
        _make(base, folder, "reinforce", _in_words(wanted), settings, checkpoint)
        of_checkpoint, kept = path_of(run_of(base), checkpoint.step), path_of(folder / BASE, checkpoint.step)
        with writing(folder):
            kept.mkdir(parents=True, exist_ok=True)
            for file in of_checkpoint.iterdir():
                if file.name != STATE:
                    shutil.copy(file, kept / file.name)
            shutil.copy(run_of(base) / "tokenizer.json", folder / BASE / "tokenizer.json")
    n_stories = wanted.config.prompts * wanted.config.group_size
    notice(f"Beginning from {run_of(base)} at step {checkpoint.step}: {n_stories} stories a step ...")
    return _learn(trainer, base, folder, tokenizer, seconds=wanted.seconds, context=context)


@dataclass(frozen=True, kw_only=True)
class FinetuneRun:
    """Which pairs of prompt and story a model is fine-tuned on, and how."""

    corpus: str  # as `load_stories` takes it
    stories: int  # at most
    train: TrainConfig
    seconds: float | None = None


def finetune(
    base: Path,
    folder: Path,
    wanted: FinetuneRun,
    *,
    notice: Notice,
    on_event: Callable[[Event], None],
    device: torch.device,
    context: RunContext | None = None,
    build: Callable[..., Decoder] = build_model,
) -> TrainingResult:
    """Fine-tune a trained run on prompts and their stories, or go on with it where the run in `folder` stopped.

    The arguments are those of `reinforce`.

    Raises:
        StorytellerError: there is no trained model or no such corpus, or the folder holds something else.
    """
    settings = {
        "corpus": wanted.corpus,
        "stories": wanted.stories,
        "seconds": wanted.seconds,
        "train": to_dict(wanted.train),
    }
    stories = load_stories(wanted.corpus, limit=wanted.stories)
    begun = _find(base, folder, "finetune", settings)
    model, tokenizer, checkpoint = load_trained(base, device=device, build=build)
    notice(f"Reading the stories of {wanted.corpus} ...")
    seq_len, size = model.config.max_seq_len, wanted.train.batch_size
    pairs = encode_pairs(stories, tokenizer, max_seq_len=seq_len)
    held_out = load_stories(wanted.corpus, split="validation", limit=HELD_OUT_PAIRS)
    unseen = encode_pairs(held_out, tokenizer, max_seq_len=seq_len)
    at_once = min(torch.get_num_threads(), wanted.train.grad_accum_steps) if device.type == "cpu" else 1
    trainer = Trainer(
        model,
        wanted.train,
        PairBatches(pairs, batch_size=size, seq_len=seq_len, end_id=tokenizer.end_id, seed=wanted.train.seed),
        validation=[
            supervised_batch(unseen[first : first + size], end_id=tokenizer.end_id, seq_len=seq_len)
            for first in range(0, len(unseen), size)
        ],
        tokenizer=tokenizer,
        folder=folder,
        on_event=on_event,
        parallel_microbatches=at_once,
    )
    if not begun:
        how = (
            f"fine-tuned on {wanted.stories:,} stories of `{wanted.corpus}` at most, their prompts read and not learned"
        )
        _make(base, folder, "finetune", how, settings, checkpoint)
    return _learn(trainer, base, folder, tokenizer, seconds=wanted.seconds, context=context)


def _in_words(wanted: ReinforceRun) -> str:
    """How a model was reinforced, for the card and the page."""
    config = wanted.config
    rewards = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in wanted.rewards.items())
    asked = "" if wanted.wishes is None else f" told to wishes of `{wanted.wishes}`"
    return (
        f"reinforced on its own stories{asked} by the reward {rewards} (novelty {config.novelty_weight:g}), "
        f"temperature {config.temperature:g}, KL weight {config.kl_weight:g}"
    )


def _find(base: Path, folder: Path, command: str, settings: Mapping[str, Any]) -> bool:
    """Whether the folder holds this very run, begun and not finished; False where it is free for it.

    Raises:
        StorytellerError: it holds something else.
    """
    of_base = run_of(base)
    if folder.resolve() in (of_base.resolve(), base.resolve()):
        raise StorytellerError(f"{folder} holds the run to begin from, which stays as it is: choose another --out.")
    if not (stages := read_stages(folder)):
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise StorytellerError(f"{folder} holds something else: choose another --out.")
        return False
    begun = stages[-1]
    if begun.command != command:
        raise StorytellerError(f"{folder} holds a run of storyteller {begun.command}: choose another --out.")
    was = {"base": begun.base, **_flat(begun.settings)}
    asked = {"base": of_base.resolve().name, **_flat(settings)}
    if different := [f"{name} {was.get(name)}, not {asked[name]}" for name in asked if was.get(name) != asked[name]]:
        raise StorytellerError(
            f"{folder} holds a run with {'; '.join(different)}: go on with those settings, or choose another --out."
        )
    if begun.finished:
        raise StorytellerError(
            f"{folder} is finished: storyteller tell --run {folder} lets you hear it. For a new one choose --out."
        )
    return bool(list_checkpoints(folder))


def _make(
    base: Path, folder: Path, command: str, how: str, settings: Mapping[str, Any], checkpoint: Checkpoint
) -> None:
    """Make the run's folder, with what it has from its base."""
    of_base = run_of(base)
    stage = Stage(
        command=command,
        base=of_base.resolve().name,
        base_step=checkpoint.step,
        base_tokens=checkpoint.values.get("tokens", 0),
        how=how,
        settings=settings,
    )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_stages(folder, [*read_stages(of_base), stage])  # first: so a kill leaves a folder that is known
        for name in OF_THE_BASE:
            if (of_base / name).is_file():
                shutil.copy(of_base / name, folder / name)


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings one by one, those of the updates among them, as JSON gives them back."""
    flat: dict[str, Any] = json.loads(json.dumps(dict(settings)))
    of_updates: dict[str, Any] = flat.pop("train")
    of_updates.pop("compile", None)  # how it is computed may change; and older folders do not say it
    return flat | of_updates


def _training_stories(run: Path, tokenizer: Tokenizer) -> list[str]:
    if not (run / "train" / INDEX).is_file():
        raise StorytellerError(f"{run} has no training stories (train/), with which a reward compares what is told.")
    with open_shards(run / "train", tokenizer) as shards:
        documents = (shards.document(i).tolist() for i in range(min(shards.n_documents, TRAINING_STORIES)))
        return [tokenizer.decode(ids, skip_special=True) for ids in documents]


def _learn(
    trainer: Trainer,
    base: Path,
    folder: Path,
    tokenizer: Tokenizer,
    *,
    seconds: float | None,
    context: RunContext | None,
) -> TrainingResult:
    """Resume, run, and note that the run is finished, unless it was interrupted."""
    trainer.resume()
    of_base = run_of(base)
    run = RunConfig.load(of_base) if (of_base / "run.json").is_file() else None
    if seconds is not None:
        # How many steps there will be is told anew after each, so a rate that falls is at its end when the time is up.
        used = training_seconds(folder, step=trainer.step) or 0.0
        ends = time.monotonic() + seconds - used
        began, first = time.monotonic(), trainer.step
        trainer.set_total_steps(trainer.step + max(1, int(seconds - used)))  # a second each, until one was timed

        def keep_to_time(event: Event) -> None:
            if isinstance(event, StepDone):
                now = time.monotonic()
                pace = (now - began) / (event.step - first)
                trainer.set_total_steps(event.step + max(0, int((ends - now) / pace)))

        trainer.subscribe(keep_to_time)
    tracked = nullcontext() if context is None or run is None else context(trainer, tokenizer, run)
    with timing(trainer, folder), tracked:
        result = trainer.run()
    if not result.interrupted:
        if run is not None:
            replace(run, train=trainer.config, seconds=None).save(folder)
        stages = read_stages(folder)
        write_stages(folder, [*stages[:-1], replace(stages[-1], finished=True)])
    return result
