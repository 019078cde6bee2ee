"""From nothing to a model that tells stories: corpus, tokenizer, shards, training.

Every stage leaves its result in the run's folder and is skipped when it is there, so an interrupted run goes on where
it stopped:

    runs/tiny/
        run.json           what this run is: preset, corpus, the model's shape, how it is trained
        tokenizer.json     the vocabulary, in the Hugging Face format
        train/             token shards
        validation/        token shards
        step-000600/       checkpoints
        sampled.json       what share of 100 stories told by the model holds together
        sampled.txt        those stories, to be read: a number alone says little
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from storyteller.config import TrainConfig
from storyteller.corpus.load import load_stories
from storyteller.errors import StorytellerError
from storyteller.evaluation.stories import byte_lengths, sample_stories
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.runs.run_config import Plan, settle
from storyteller.runs.time_budget import Deadline, steps_within
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import TrainingBatches, validation_batches
from storyteller.training.checkpoint import list_checkpoints, path_of
from storyteller.training.events import Event, Saved, TrainingResult
from storyteller.training.mixed_precision import probe_dtype
from storyteller.training.token_shards import INDEX, TokenShards, open_shards, write_shards
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import write_json

VALIDATION_STORIES = 1_000  # at most
VALIDATION_TOKENS = 50_000  # of them, at each evaluation: some 200 stories
SAMPLED_STORIES = 100  # told by the model to see how many hold together
TOKENIZER_STORIES = 4_000  # about 4 MB of text; more changes few of the first 2,000 merges

TEMPERATURE = 0.4  # for our own stories: bold enough to differ, tame enough to remember who owns the kite

Notice = Callable[[str], None]


# Entered while a trainer runs. It is given the trainer, ready to go on, the tokenizer and the plan that is followed.
Around = Callable[[Trainer, Tokenizer, Plan], AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a run is made with: the library's own, or what takes its place there."""

    learn: Callable[..., Tokenizer] = Tokenizer.train  # called as `Tokenizer.train`
    encoder: Callable[[Tokenizer], Tokenizer] = lambda tokenizer: tokenizer  # what encodes the stories
    build: Callable[..., Decoder] = build_model  # called as `build_model`
    trainer: Callable[..., Trainer] = Trainer  # called as `Trainer`


LIBRARY = Parts()


@dataclass(frozen=True)
class Material:
    """What a model is trained on."""

    tokenizer: Tokenizer
    train: TokenShards
    validation: TokenShards


def prepare(plan: Plan, folder: Path, *, notice: Notice, parts: Parts = LIBRARY) -> Material:
    """Corpus to tokenizer to shards; a stage whose result is in the folder is not done again.

    Raises:
        StorytellerError: the corpus cannot be read or is empty.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        tokenizer = Tokenizer.load(file)
    else:
        notice(f"Learning a vocabulary of {plan.model.vocab_size:,} tokens from {plan.corpus} ...")
        texts = (story.text for story in load_stories(plan.corpus, limit=min(plan.stories, TOKENIZER_STORIES)))
        tokenizer = parts.learn(texts, vocab_size=plan.model.vocab_size)
        tokenizer.save(file)
    encoder = parts.encoder(tokenizer)
    train = _shards(plan, folder, encoder, split="train", limit=plan.stories, notice=notice)
    validation = _shards(plan, folder, encoder, split="validation", limit=VALIDATION_STORIES, notice=notice)
    return Material(tokenizer, train, validation)


def _shards(plan: Plan, folder: Path, tokenizer: Tokenizer, *, split: str, limit: int, notice: Notice) -> TokenShards:
    if not (folder / split / INDEX).is_file():
        notice(f"Turning the {split} stories of {plan.corpus} into tokens ...")
        source = {"corpus": plan.corpus, "split": split, "limit": limit}
        write_shards(load_stories(plan.corpus, split=split, limit=limit), tokenizer, folder / split, source=source)
    return open_shards(folder / split, tokenizer)


def train(
    wanted: Plan,
    folder: Path,
    *,
    notice: Notice,
    on_event: Callable[[Event], None],
    device: torch.device,
    around: Around | None = None,
    parts: Parts = LIBRARY,
) -> TrainingResult:
    """Train the model that `wanted` describes, or go on with it where the run in `folder` stopped.

    Args:
        wanted: the run to make.
        folder: where it is kept.
        notice: is told what is being prepared.
        on_event: is told of every step, evaluation, checkpoint and notice.
        device: to train on.
        around: entered while the trainer runs, such as a `storyteller.tracking.Tracker`.
        parts: what it is made with.

    Raises:
        StorytellerError: the corpus cannot be read, or the folder holds another run.
    """
    plan = settle(wanted, folder)
    material = prepare(plan, folder, notice=notice, parts=parts)
    deadline = None
    if plan.seconds is not None:
        seconds = plan.seconds
        plan = _fix_steps(plan, seconds, material, folder, notice=notice, device=device, parts=parts)
        deadline = Deadline(seconds)
    parallel_microbatches = 1
    if plan.threads is not None:
        parallel_microbatches = _side_by_side(plan.train, plan.threads, cores=torch.get_num_threads())
        torch.set_num_threads(plan.threads)
    trainer = new_trainer(
        plan,
        material,
        folder,
        on_event=on_event,
        device=device,
        parallel_microbatches=parallel_microbatches,
        parts=parts,
    )
    if deadline is not None:
        trainer.on_event = _keep_to(deadline, trainer, plan, folder)
    trainer.resume()
    with nullcontext() if around is None else around(trainer, material.tokenizer, plan):
        return trainer.run()


def is_finished(folder: Path) -> bool:
    """Whether the run in the folder has made its last step."""
    if not (folder / "run.json").is_file() or not (checkpoints := list_checkpoints(folder)):
        return False
    plan = Plan.load(folder)
    return plan.seconds is None and checkpoints[-1] == path_of(folder, plan.train.steps)


def new_trainer(
    plan: Plan,
    material: Material,
    folder: Path,
    *,
    on_event: Callable[[Event], None] | None,
    device: torch.device,
    parallel_microbatches: int = 1,
    parts: Parts = LIBRARY,
) -> Trainer:
    """A trainer at the beginning of the run; the arguments behind the folder are those of `Trainer`, and its parts."""
    tokenizer = material.tokenizer
    # A short text may have too few pairs for the vocabulary that was asked for.
    config = replace(plan.model, vocab_size=tokenizer.vocab_size)
    rows, seq_len, seed = plan.train.batch_size, config.max_seq_len, plan.train.seed
    return parts.trainer(
        parts.build(config, seed=seed).to(device),
        plan.train,
        TrainingBatches(
            material.train, batch_size=rows, seq_len=seq_len, seed=seed, align_documents=plan.train.align_documents
        ),
        validation=validation_batches(
            material.validation,
            batch_size=rows,
            seq_len=seq_len,
            limit=max(1, VALIDATION_TOKENS // (rows * seq_len)),
            align_documents=plan.train.align_documents,
        ),
        folder=folder,
        on_event=on_event,
        tokenizer_fingerprint=tokenizer.fingerprint,
        byte_lengths=byte_lengths(tokenizer),
        parallel_microbatches=parallel_microbatches,
    )


def consistency(folder: Path, model: Decoder, tokenizer: Tokenizer, *, notice: Notice) -> dict[str, Any]:
    """What share of 100 stories that the model tells by itself has no contradiction; measured once for a run.

    Returns:
        "stories" how many, "consistent" the share that ended without a contradiction, "ended" the share that ended,
        "contradictions" for each kind the number of stories that have it.
    """
    file = folder / "sampled.json"
    if not file.is_file():
        notice(f"Letting the model tell {SAMPLED_STORIES} stories, to see how many hold together ...")
        sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=400, seed=1000)
        report = sample_stories(model, tokenizer, [""] * SAMPLED_STORIES, sampling=sampling, batch_size=50)
        report.save(folder / "sampled.txt")
        figures = {"stories": SAMPLED_STORIES, "consistent": report.complete_and_consistent, "ended": report.ended}
        write_json(file, figures | {"contradictions": report.counts})
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a CUDA GPU where there is one.

    Raises:
        StorytellerError: this machine or this build of PyTorch has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise StorytellerError(f"The device {name!r} cannot be used ({reason}); use --device cpu.") from None
    return torch.device(name)


def _fix_steps(
    plan: Plan,
    seconds: float,
    material: Material,
    folder: Path,
    *,
    notice: Notice,
    device: torch.device,
    parts: Parts,
) -> Plan:
    """Turn the seconds that the run may take into a number of steps and of threads, and keep both."""
    notice("Trying out how fast this machine is ...")
    dtype = probe_dtype(device) if plan.train.dtype == "auto" else plan.train.dtype
    plan = replace(plan, train=replace(plan.train, dtype=dtype))
    cores = torch.get_num_threads()
    # The products of a small model are so short that waking a second thread may cost more than it helps. A whole pass
    # is worth a thread: with one thread for each product, the passes of a step run side by side.
    choices = sorted({1, cores}) if device.type == "cpu" else [cores]
    steps: dict[int, list[int]] = {threads: [] for threads in choices}
    for threads in [*choices, *choices]:  # twice in turn: what else runs on this machine for a moment decides nothing
        torch.set_num_threads(threads)
        trial = new_trainer(plan, material, folder, on_event=None, device=device, parts=parts)
        steps[threads].append(
            steps_within(
                seconds,
                trial.model,
                plan.train,
                trial.batches,
                validation=trial.validation,
                parallel_microbatches=_side_by_side(plan.train, threads, cores=cores),
                trainer=parts.trainer,
            )
        )
    torch.set_num_threads(cores)
    best = max(choices, key=lambda threads: max(steps[threads]))
    plan = replace(
        plan, train=replace(plan.train, steps=sum(steps[best]) // len(steps[best])), seconds=None, threads=best
    )
    plan.save(folder)
    return plan


def _side_by_side(train: TrainConfig, threads: int, *, cores: int) -> int:
    """How many passes of a step run at once, when each of them has so many threads."""
    return min(train.grad_accum_steps, cores) if threads == 1 else 1


def _keep_to(deadline: Deadline, trainer: Trainer, plan: Plan, folder: Path) -> Callable[[Event], None]:
    """What hears a trainer's events in place of `trainer.on_event`, and keeps the run to the deadline."""
    tell = trainer.on_event or (lambda event: None)

    def hear(event: Event) -> None:
        tell(event)
        planned = trainer.config.steps
        if isinstance(event, Saved) and (steps := deadline.steps(event.step, planned)) != planned:
            trainer.config = replace(trainer.config, steps=steps)
            replace(plan, train=trainer.config).save(folder)

    return hear
