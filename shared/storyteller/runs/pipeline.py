"""From nothing to a model that tells stories: corpus, tokenizer, shards, training.

Every stage leaves its result in the run's folder and is skipped when it is there, so an interrupted run goes on where
it stopped:

    runs/tiny/
        run.json           the run's configuration: preset, corpus, the model's shape, how it is trained
        tokenizer.json     the vocabulary, in the Hugging Face format
        generation_config.json   how its stories are told (`storyteller.inference.generation_config`)
        openings.json      how its training stories begin (`storyteller.runs.openings`)
        train/             token shards
        validation/        token shards
        step-000600/       checkpoints
        training_time.json   how long it was trained
        sampled.json       what share of 100 sampled stories holds together (`storyteller.evaluation.stories`)
        sampled.txt        those stories, to be read: a number alone says little
        storyteller.html   a page that tells its stories in any browser (`storyteller.export.html`)
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from storyteller.config import TrainConfig
from storyteller.corpus.clean import Cleaning, CleaningReport
from storyteller.corpus.load import load_stories
from storyteller.inference import generation_config
from storyteller.inference.sampling_options import STORY_SAMPLING
from storyteller.moe.layer import build_model
from storyteller.runs import openings
from storyteller.runs.run_config import RunConfig, is_finished, resolve_run
from storyteller.runs.time_budget import Deadline, steps_within
from storyteller.runs.training_time import timing
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import BatchSource, ReadAhead, TrainingBatches, validation_batches
from storyteller.training.checkpoint import list_checkpoints
from storyteller.training.compilation import compiles
from storyteller.training.components import TrainerComponents
from storyteller.training.events import Event, Saved, TrainingResult
from storyteller.training.out_of_memory import explain_oom
from storyteller.training.processes import ONE_PROCESS, OneProcess
from storyteller.training.step_timing import Execution, candidate_dtypes, fastest, time_steps
from storyteller.training.token_shards import INDEX, ShardWriter, TokenShards, open_shards
from storyteller.training.token_shards.preparing import ChunkWork, InThisProcess, prepare_shards
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder

VALIDATION_STORIES = 1_000  # at most
VALIDATION_TOKENS = 50_000  # of them, at each evaluation: some 200 stories
TRIAL_SHARE, MAX_TRIAL_S = 0.06, 20.0  # of a run's seconds; how long dtype and threads are tried out
TOKENIZER_STORIES = 4_000  # about 4 MB of text; more changes few of the first 2,000 merges

Notice = Callable[[str], None]  # called with a sentence for the user

# Gives the context manager in which a trainer runs: called with the trainer, ready to go on, the tokenizer and the
# configuration that is followed.
RunContext = Callable[[Trainer, Tokenizer, RunConfig], AbstractContextManager[object]]


@dataclass(frozen=True, kw_only=True)
class RunComponents:
    """The functions that a run is made with: the library's, or others that are called in the same way."""

    train_tokenizer: Callable[..., Tokenizer] = Tokenizer.train
    encoder: Callable[[Tokenizer], Tokenizer] = lambda tokenizer: tokenizer  # gives what encodes the stories
    build_model: Callable[..., Decoder] = build_model
    trainer: TrainerComponents = field(default_factory=TrainerComponents)


LIBRARY = RunComponents()


@dataclass(frozen=True)
class PreparedData:
    """What a model is trained on."""

    tokenizer: Tokenizer
    train: TokenShards
    validation: TokenShards


def train(
    wanted: RunConfig,
    folder: Path,
    *,
    notice: Notice,
    on_event: Callable[[Event], None],
    device: torch.device,
    context: RunContext | None = None,
    components: RunComponents = LIBRARY,
    processes: OneProcess = ONE_PROCESS,
) -> TrainingResult:
    """Train the model that `wanted` describes, or go on with it where the run in `folder` stopped.

    Args:
        wanted: the run to make.
        folder: where it is kept.
        notice: called with what is being prepared.
        on_event: called with each step, evaluation, checkpoint and message.
        device: to train on.
        context: entered while the trainer runs, such as a `storyteller.tracking.Tracker`.
        components: what it is made with.
        processes: among which the training is shared out; the first prepares the data.

    Raises:
        StorytellerError: the corpus cannot be read, the folder holds another run, or nothing can be compiled here.
    """
    if wanted.train.compile == "on":
        notice("Trying out whether blocks can be compiled here ...")
    compiled = compiles(wanted.train.compile, device)  # where it cannot be, that is said before the corpus is read

    def begin() -> tuple[RunConfig, PreparedData]:
        if not (folder / "tokenizer.json").is_file():  # a corpus that is not there is refused before anything is made
            load_stories(wanted.corpus)
        run = resolve_run(wanted, folder)
        if is_finished(folder):
            notice(
                f"The run in {folder} has made its {run.train.steps:,} steps, so there is nothing left to do: for "
                "another run choose another --out."
            )
        elif list_checkpoints(folder) and wanted.seconds is None:
            for name in ("steps", "dtype"):
                if (asked := getattr(wanted.train, name)) not in ("auto", kept := getattr(run.train, name)):
                    notice(f"The run began with {name} {kept} and keeps that, not {asked}.")
        return run, prepare(run, folder, notice=notice, components=components)

    run, data = processes.after_first(begin)
    seconds = run.seconds
    if seconds is not None:
        run = _plan_by_trial(run, seconds, data, notice=notice, device=device, components=components)
        run.save(folder)
    deadline = None if seconds is None else Deadline(seconds)
    parallel_microbatches = 1
    if run.threads is not None and processes.alone:
        parallel_microbatches = _parallel_microbatches(
            run.train, run.threads, cores=torch.get_num_threads(), compiled=compiled
        )
        torch.set_num_threads(run.threads)
    trainer = new_trainer(
        run,
        data,
        folder=folder,
        on_event=on_event,
        device=device,
        parallel_microbatches=parallel_microbatches,
        components=components,
        processes=processes,
    )

    def enforce_deadline(event: Event) -> None:
        planned = trainer.config.steps
        if isinstance(event, Saved) and deadline and (steps := deadline.steps(event.step, planned)) != planned:
            trainer.set_total_steps(steps)
            replace(run, train=trainer.config).save(folder)

    trainer.subscribe(enforce_deadline)
    trainer.resume()
    with ExitStack() as around:
        if processes.is_first:
            around.enter_context(timing(trainer, folder))
            around.enter_context(nullcontext() if context is None else context(trainer, data.tokenizer, run))
        return trainer.run()


def prepare(run: RunConfig, folder: Path, *, notice: Notice, components: RunComponents = LIBRARY) -> PreparedData:
    """Corpus to tokenizer to shards; a stage whose result is in the folder is not done again.

    Raises:
        StorytellerError: the corpus cannot be read or is empty.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        tokenizer = Tokenizer.load(file)
    else:
        notice(f"Learning a vocabulary of {run.model.vocab_size:,} tokens from {run.corpus} ...")
        texts = (story.text for story in load_stories(run.corpus, limit=min(run.stories, TOKENIZER_STORIES)))
        tokenizer = components.train_tokenizer(texts, vocab_size=run.model.vocab_size)
        tokenizer.save(file)
    encoder = components.encoder(tokenizer)
    limits = {"train": run.stories, "validation": VALIDATION_STORIES}
    if missing := [split for split in limits if not (folder / split / INDEX).is_file()]:
        for split in missing:
            notice(f"Turning the {split} stories of {run.corpus} into tokens ...")
        report = CleaningReport()
        with ExitStack() as opened:
            writers = {}
            for split, limit in limits.items():
                source = {"corpus": run.corpus, "split": split, "limit": limit}
                writers[split] = opened.enter_context(ShardWriter(folder / split, encoder, source=source))
            work = InThisProcess(ChunkWork(encoder, Cleaning()))
            prepare_shards([run.corpus], writers, work, limits=limits, report=report)
        for sentence in report.sentences:  # how the user's own files were read
            notice(sentence)
    shards = {split: open_shards(folder / split, encoder) for split in limits}
    if not (folder / generation_config.FILE_NAME).is_file():
        end_id, max_length = tokenizer.end_id, run.model.max_seq_len
        generation_config.write_sampling(folder, STORY_SAMPLING, max_length=max_length, end_id=end_id)
    if not (folder / openings.FILE_NAME).is_file():
        openings.find_openings(openings.beginnings(shards["train"], tokenizer)).save(folder)
    return PreparedData(tokenizer, shards["train"], shards["validation"])


def new_trainer(
    run: RunConfig,
    data: PreparedData,
    *,
    device: torch.device,
    folder: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
    parallel_microbatches: int = 1,
    components: RunComponents = LIBRARY,
    processes: OneProcess = ONE_PROCESS,
) -> Trainer:
    """A trainer at the beginning of the run; the arguments from `folder` on as in `Trainer` and `train`."""
    # A short text may have too few pairs for the vocabulary that was asked for.
    config = replace(run.model, vocab_size=data.tokenizer.vocab_size)
    batch_size, seq_len, seed = run.train.batch_size, config.max_seq_len, run.train.seed
    align = run.train.align_documents
    batches: BatchSource = TrainingBatches(
        data.train, batch_size=batch_size, seq_len=seq_len, seed=seed, align_documents=align
    )
    if device.type == "cuda" and processes.alone:  # several processes read only their own rows of each batch
        batches = ReadAhead(batches, number=run.train.grad_accum_steps, pin=True)
    return Trainer(
        components.build_model(config, seed=seed).to(device),
        run.train,
        batches,
        validation=validation_batches(
            data.validation,
            batch_size=batch_size,
            seq_len=seq_len,
            limit=max(1, VALIDATION_TOKENS // (batch_size * seq_len)),
            align_documents=align,
        ),
        tokenizer=data.tokenizer,
        folder=folder,
        on_event=on_event,
        components=components.trainer,
        parallel_microbatches=parallel_microbatches,
        processes=processes,
    )


def _plan_by_trial(
    run: RunConfig,
    seconds: float,
    data: PreparedData,
    *,
    notice: Notice,
    device: torch.device,
    components: RunComponents,
) -> RunConfig:
    """Turn the seconds that the run may take into a number of steps, and choose dtype and threads, by a trial."""
    notice("Trying out how fast this machine is ...")
    trainer = new_trainer(run, data, device=device, components=components)
    with explain_oom(run.train):
        step_seconds = time_steps(
            trainer, possible_executions(run.train, device), seconds=min(MAX_TRIAL_S, seconds * TRIAL_SHARE)
        )
    best = fastest(step_seconds)
    trainer.use_dtype(best.dtype)
    steps = steps_within(seconds, trainer, step_seconds=step_seconds[best])
    train = replace(run.train, steps=steps, dtype=best.dtype)
    return replace(run, train=train, seconds=None, threads=best.threads)


def possible_executions(train: TrainConfig, device: torch.device) -> list[Execution]:
    """The dtypes and numbers of threads worth a trial."""
    cores, compiled = torch.get_num_threads(), compiles(train.compile, device)
    # The products of a small model are so short that waking a second thread may cost more than it helps. A whole pass
    # is worth a thread: with one thread for each product, the passes of a step run side by side. Compiled blocks do not
    # run side by side, and would be compiled anew for each number of threads.
    choices = sorted({1, cores}) if device.type == "cpu" and not compiled else [cores]
    dtypes = candidate_dtypes(device) if train.dtype == "auto" else (train.dtype,)
    return [
        Execution(dtype, threads, _parallel_microbatches(train, threads, cores=cores, compiled=compiled))
        for dtype in dtypes
        for threads in choices
    ]


def _parallel_microbatches(train: TrainConfig, threads: int, *, cores: int, compiled: bool) -> int:
    """How many passes of a step run at once, when each of them has so many threads."""
    return min(train.grad_accum_steps, cores) if threads == 1 and not compiled else 1
