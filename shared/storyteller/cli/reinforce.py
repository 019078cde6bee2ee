"""`storyteller reinforce` and `storyteller finetune`: a trained run learns further, in a folder of its own.

storyteller reinforce runs/tiny --reward consistency --minutes 3
storyteller finetune runs/tiny --corpus storyworld-tales-small --minutes 2
storyteller reinforce runs/tiny-finetuned --reward wish --reward consistency --wishes storyworld-tales-small
"""

import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyteller.cli.typer_extensions import seconds_of, whole_text
from storyteller.config import TrainConfig
from storyteller.errors import StorytellerError

if TYPE_CHECKING:
    from storyteller.training.events import TrainingResult

MINUTES = 3.0  # where neither a time nor steps are given

RUN = Annotated[Path, typer.Argument(help="the run to begin from, or a checkpoint of it; it stays as it is")]
OUT = Annotated[Path | None, typer.Option(help="the new run's folder  [RUN-reinforced or RUN-finetuned]")]
MINUTES_OPTION = Annotated[float | None, typer.Option(help=f"learn for so long  [{MINUTES:g}]")]
STEPS = Annotated[int | None, typer.Option(help="learn for so many steps instead")]
RATE = Annotated[float, typer.Option(help="the learning rate")]
SEED = Annotated[int, typer.Option(min=0, max=2**31, help="what is told, or the order of the data")]
DEVICE = Annotated[str, typer.Option(help="auto, cpu, cuda, mps")]
TRACK = Annotated[bool, typer.Option("--track", help="log the run to MLflow; storyteller mlflow shows it")]


def reinforce(
    run: RUN = Path("runs/tiny"),
    out: OUT = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(
            help="consistency, wish, length, distinctness, novelty, known_pairs or not_copied, with a weight as in "
            "length:0.5; several are added up  [consistency]"
        ),
    ] = None,
    novelty: Annotated[float, typer.Option(help="how much more a story earns that is like no other")] = 1.0,
    min_words: Annotated[int, typer.Option(help="a shorter story earns less, in proportion")] = 100,
    opening: Annotated[
        list[str] | None,
        typer.Option(help="how stories begin; several; default: as they like", callback=whole_text),
    ] = None,
    wishes: Annotated[
        str | None, typer.Option(help="a corpus whose prompts are asked for, in place of openings")
    ] = None,
    minutes: MINUTES_OPTION = None,
    steps: STEPS = None,
    prompts: Annotated[int, typer.Option(help="prompts of a step")] = 1,
    group_size: Annotated[int, typer.Option(help="stories told for each prompt, compared with each other")] = 48,
    batch_size: Annotated[int, typer.Option(help="stories in one pass")] = 12,
    temperature: Annotated[float, typer.Option(help="of the stories that are learned from")] = 1.0,
    kl: Annotated[float, typer.Option(help="how firmly the run it began from holds it; 0 lets go")] = 0.05,
    loss: Annotated[str, typer.Option(help="clipped, reinforce or expert_iteration")] = "clipped",
    advantages: Annotated[str, typer.Option(help="group, group_centered or leave_one_out")] = "group",
    credit: Annotated[
        str, typer.Option(help="a contradiction is the fault of its sentence, or of the story")
    ] = "sentence",
    positive_weight: Annotated[float, typer.Option(help="of what is better than others; less keeps variety")] = 0.2,
    normalization: Annotated[str, typer.Option(help="how much a token counts: grpo, dapo or dr_grpo")] = "dapo",
    updates: Annotated[int, typer.Option(help="updates from the stories of a step")] = 1,
    epsilon: Annotated[float, typer.Option(help="where the ratio of the clipped loss is clipped")] = 0.2,
    log_probs: Annotated[str, typer.Option(help="sampled: with the temperature; model: without")] = "sampled",
    routing: Annotated[
        str, typer.Option(help="recompute the experts of a token, or replay those it had")
    ] = "recompute",
    learning_rate: Annotated[float, typer.Option(help="the learning rate at first; it falls to 0")] = 5e-4,
    seed: SEED = 1,
    device: DEVICE = "auto",
    track: TRACK = False,
) -> None:
    """Let a trained model learn from a reward for its own stories."""
    seconds, n_steps = _duration(minutes, steps)
    rewards = weights_of(reward or ["consistency"])
    from storyteller.cli.train import tracking
    from storyteller.rl.pipeline import ReinforceRun, reinforce
    from storyteller.rl.settings import ReinforceConfig

    train = TrainConfig(
        steps=n_steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        min_lr_ratio=0.0,  # a constant rate broke models that had already learned
        warmup_ratio=0.0,
        weight_decay=0.0,
        beta2=0.99,
        dtype="float32",
        checkpoint_every=10,
        seed=seed,
    )
    config: dict[str, Any] = {
        "prompts": prompts,
        "group_size": group_size,
        "temperature": temperature,
        "kl_weight": kl,
        "novelty_weight": novelty,
        "min_words": min_words,
        "loss": loss,
        "advantages": advantages,
        "credit": credit,
        "positive_weight": positive_weight,
        "normalization": normalization,
        "updates_per_rollout": updates,
        "epsilon": epsilon,
        "log_probs": log_probs,
        "routing": routing,
    }
    if wishes is not None and opening:
        raise StorytellerError("A story begins with an --opening or is told to --wishes: leave one of them out.")
    wanted = ReinforceRun(
        rewards=rewards,
        openings=tuple(opening or ("",)),
        wishes=wishes,
        config=ReinforceConfig(train=train, **config),
        seconds=seconds,
    )
    target = out or named_after(run, "reinforced")
    from storyteller.cli.progress_bar import TrainingProgress
    from storyteller.cli.tell import require_trained
    from storyteller.utils.device import pick_device

    console = _console()
    require_trained(run)
    settings = config | {f"reward.{name}": weight for name, weight in rewards.items()}
    logged = {f"reinforce.{name}": value for name, value in settings.items()}
    with TrainingProgress(console) as progress:
        result = reinforce(
            run,
            target,
            wanted,
            notice=progress.say,
            on_event=progress,
            device=pick_device(device),
            context=tracking(progress.say, parameters=logged) if track else None,
        )
    _stop_if_interrupted(result)
    _compare(run, target, device=device)


def finetune(
    run: RUN = Path("runs/tiny"),
    out: OUT = None,
    corpus: Annotated[
        str | None, typer.Option(help="pairs of prompt and story; default: what the run was trained on")
    ] = None,
    stories: Annotated[int, typer.Option(min=1, help="pairs at most")] = 5_000,
    minutes: MINUTES_OPTION = None,
    steps: STEPS = None,
    batch_size: Annotated[int, typer.Option(help="pairs in one pass")] = 4,
    grad_accum_steps: Annotated[int, typer.Option(help="passes before one update")] = 2,
    learning_rate: RATE = 1e-3,
    seed: SEED = 1,
    device: DEVICE = "auto",
    track: TRACK = False,
) -> None:
    """Fine-tune a trained model on prompts and their stories, so that it tells what it is asked for."""
    from storyteller.cli.progress_bar import TrainingProgress
    from storyteller.cli.tell import require_trained
    from storyteller.cli.train import tracking
    from storyteller.rl.pipeline import FinetuneRun, finetune
    from storyteller.rl.supervised import as_opening
    from storyteller.runs.load import run_of
    from storyteller.runs.run_config import RunConfig
    from storyteller.utils.device import pick_device

    seconds, n_steps = _duration(minutes, steps)
    require_trained(run)
    if corpus is None:
        if not (run_of(run) / "run.json").is_file():
            raise StorytellerError(f"{run} does not say what it was trained on: name a corpus with --corpus.")
        corpus = RunConfig.load(run_of(run)).corpus
    train = TrainConfig(
        steps=n_steps,
        batch_size=batch_size,
        grad_accum_steps=grad_accum_steps,
        learning_rate=learning_rate,
        min_lr_ratio=1.0,  # constant, so that it does not depend on how many steps fit into the time
        warmup_ratio=0.0,
        beta2=0.99,
        dtype="float32",
        evaluate_every=10_000_000,  # after the last step alone
        seed=seed,
    )
    target = out or named_after(run, "finetuned")
    console = _console()
    with TrainingProgress(console) as progress:
        result = finetune(
            run,
            target,
            FinetuneRun(corpus=corpus, stories=stories, train=train, seconds=seconds),
            notice=progress.say,
            on_event=progress,
            device=pick_device(device),
            context=tracking(progress.say) if track else None,
        )
    _stop_if_interrupted(result)
    example = as_opening("A frog is stuck, and a fox has only a red ribbon.").replace("\n", "\\n")
    console.print(f"{target} holds the new run; a wish and an empty line go before a story:")
    console.print(f"storyteller tell --run {target} $'{example}'")


def named_after(run: Path, ending: str) -> Path:
    """The folder of a run made from another, beside it."""
    from storyteller.runs.load import run_of

    folder = run_of(run)
    return folder.with_name(f"{folder.resolve().name}-{ending}")


def weights_of(rewards: list[str]) -> dict[str, float]:
    """The weights of rewards by name.

    >>> weights_of(["consistency", "length:0.5"])
    {'consistency': 1.0, 'length': 0.5}
    """
    weights = {}
    for text in rewards:
        name, colon, number = text.partition(":")
        try:
            weight = float(number) if colon else 1.0
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            raise StorytellerError(f"--reward is {text!r}; it must be a name, or a name and a weight as in length:0.5.")
        if name in weights:
            raise StorytellerError(f"--reward names {name!r} twice: give it once, with its weight.")
        weights[name] = weight
    return weights


def _duration(minutes: float | None, steps: int | None) -> tuple[float | None, int]:
    """Seconds, or None where steps are given; and the steps, which a time replaces."""
    if steps is not None:
        return seconds_of(minutes, steps=steps), steps
    return seconds_of(MINUTES if minutes is None else minutes), 1


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True)


def _stop_if_interrupted(result: "TrainingResult") -> None:
    if result.interrupted:
        same_command = shlex.join(["storyteller", *sys.argv[1:]])  # as it was typed, for the shell
        raise StorytellerError(
            f"stopped at step {result.step}; {result.checkpoint} keeps the run. To go on: {same_command}"
        )


def _compare(before: Path, after: Path, *, device: str) -> None:
    """What the stories are like before and after, told in the run's own way and by the plain distribution."""
    from dataclasses import replace

    from storyteller.evaluation.stories import SAMPLED_STORIES, consistency, sample_stories
    from storyteller.inference.generation_config import read_sampling
    from storyteller.inference.sampling_options import Sampling
    from storyteller.runs.load import load_model, run_of
    from storyteller.utils.device import pick_device

    console = _console()
    own = replace(read_sampling(run_of(before)), seed=1000)
    console.print(f"\n{SAMPLED_STORIES} stories each   {'before':<31}   after")
    models = [load_model(run, device=pick_device(device)) for run in (before, after)]
    plain = Sampling(seed=own.seed, max_new_tokens=own.max_new_tokens)
    for name, sampling in {"as they are told": own, "temperature 1": plain}.items():
        row = f"{name:<16}"
        for model, tokenizer in models:
            report = sample_stories(model, tokenizer, [""] * SAMPLED_STORIES, sampling=sampling, batch_size=50)
            share, distinct = report.complete_and_consistent, report.distinct()
            row += f"   {share * 100:3.0f} consistent, distinct-4 {distinct:.2f}"
        console.print(row)
    consistency(after, *models[1], notice=console.print)
    console.print(f"{after} holds the new run, {before} is as it was: storyteller tell --run {after}")
