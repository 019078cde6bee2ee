"""`storyteller evaluate`: checkpoints and sampling settings side by side.

storyteller evaluate runs/tiny --min-p 0.4 --min-p 0.2
storyteller evaluate runs/tiny/step-001500 runs/tiny --corpus storyworld --corpus held-out.txt --out report
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyteller.cli.typer_extensions import whole_text, with_sampling_options
from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, Sampling

if TYPE_CHECKING:
    from storyteller.evaluation.compare import Row
    from storyteller.evaluation.text_metrics import CopyFinder

HELD_OUT_STORIES = 200  # of each corpus
MAX_INDEXED_STORIES = 20_000  # of training, in which copies are looked for

# The settings of sampling that are compared: all but these three, which hold for every story.
COMPARED = [name for name in SAMPLING_OPTIONS if name not in ("seed", "max_new_tokens", "greedy")]

ABOUT = (
    "consistent: stories that come to their end without a contradiction, as far as a program finds them. "
    "distinct: the share of the n-grams of all stories that are different ones. "
    "repetition: the share of a story's 4-grams that occurred earlier in it. "
    "copied words: a story's longest run of words that also stands in the training stories. "
    "The last column is for comparison: stories that no model generated."
)


@with_sampling_options(repeatable=COMPARED)
def evaluate(
    run: Annotated[list[Path] | None, typer.Argument(help="runs, or single checkpoints of them  [runs/tiny]")] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(help="held-out stories to read; default: what the first run was trained on")
    ] = None,
    *,
    settings: dict[str, Any],
    stories: Annotated[int, typer.Option(min=1, help="stories to tell with each setting")] = 50,
    opening: Annotated[
        str, typer.Option(help="how they begin; nothing leaves that to the model", callback=whole_text)
    ] = "",
    out: Annotated[Path | None, typer.Option(help="folder for figures, picture and the stories themselves")] = None,
) -> None:
    """Measure how well models predict held-out stories, and what the stories that they tell are like.

    What is not given is as the first run tells its stories by itself.
    """
    from rich.console import Console

    from storyteller.cli.tell import require_trained
    from storyteller.corpus import load_stories
    from storyteller.evaluation.compare import compare, corpus_row
    from storyteller.inference.generation_config import read_sampling
    from storyteller.runs.load import load_model, run_of
    from storyteller.runs.openings import KnownOpenings
    from storyteller.runs.run_config import RunConfig

    console = Console(highlight=False, markup=False, soft_wrap=True)
    runs = run or [Path("runs/tiny")]
    for path in runs:
        require_trained(path)
    samplings = combinations(settings, own=read_sampling(run_of(runs[0])))
    models = {str(path): load_model(path, notice=console.print) for path in runs}
    configs = {
        str(path): RunConfig.load(run_of(path), way_out="mend it, or delete it and name a corpus with --corpus")
        for path in runs
        if (run_of(path) / "run.json").is_file()
    }
    if not corpus:
        trained = run_of(runs[0])
        if str(runs[0]) not in configs:
            raise StorytellerError(f"{trained} does not say what it was trained on: name a corpus with --corpus.")
        corpus = [configs[str(runs[0])].corpus]
    corpora = {}
    for name in corpus:
        corpora[name] = [story.text for story in load_stories(name, split="validation", limit=HELD_OUT_STORIES)]
    for note in {KnownOpenings.load(run_of(path)).note(opening): None for path in runs}:
        if note:
            console.print(note)
    console.print("Indexing the training stories ...")
    finders = _training_stories(runs)
    rows = compare(
        models,
        samplings,
        corpora=corpora,
        openings=[opening] * stories,
        trained_on=finders,
        aligned={name for name, config in configs.items() if config.train.align_documents},
        notice=console.print,
    )
    rows.append(corpus_row(corpus[0], corpora[corpus[0]][:stories], copies=finders.get(str(runs[0]))))
    _show(rows, stories, console)
    if out is not None:
        _save(rows, out)
        console.print(f"The stories, the figures and a picture of them are in {out}.")


def combinations(settings: Mapping[str, Any], *, own: Sampling) -> dict[str, Sampling]:
    """Every combination of the values that are compared, by name; what greedy decoding ignores is not compared.

    Args:
        settings: those that were given; of those that are compared, the values.
        own: the run's, for what was not given.
    """
    common = {name: value for name, value in settings.items() if name not in COMPARED}
    greedy = common.get("greedy", own.greedy)
    values_of = {"temperature": [own.temperature], **settings}
    compared = [
        name for name in COMPARED if values_of.get(name) and not (greedy and SAMPLING_OPTIONS[name].greedy_ignores)
    ]
    samplings = {}
    for values in itertools.product(*(values_of[name] for name in compared)):
        chosen = dict(zip(compared, values, strict=True))
        words = ["greedy"] * greedy + [f"{name} {value:g}" for name, value in chosen.items()]
        samplings[", ".join(words)] = replace(own, **common, **chosen)
    return samplings


def _training_stories(runs: Sequence[Path]) -> "dict[str, CopyFinder]":
    """For each run that still has its shards, where copies are looked for; checkpoints of one run share it."""
    from storyteller.evaluation.text_metrics import CopyFinder
    from storyteller.runs.load import run_of
    from storyteller.tokenizer import Tokenizer
    from storyteller.training.token_shards import INDEX, open_shards

    finders: dict[Path, CopyFinder] = {}
    for folder in {run_of(path): None for path in runs}:
        if (folder / "train" / INDEX).is_file():
            tokenizer = Tokenizer.load(folder / "tokenizer.json")
            with open_shards(folder / "train", tokenizer) as shards:
                documents = (shards.document(i).tolist() for i in range(min(shards.n_documents, MAX_INDEXED_STORIES)))
                finders[folder] = CopyFinder(tokenizer.decode(ids, skip_special=True) for ids in documents)
    return {str(path): finders[run_of(path)] for path in runs if run_of(path) in finders}


def _show(rows: "Sequence[Row]", stories: int, console: Any) -> None:
    """Figures downwards, checkpoints and settings across."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(f"{stories} stories each", no_wrap=True)
    for row in rows:
        table.add_column(f"{row.checkpoint}\n{row.sampling}", justify="right", overflow="fold", min_width=8)
    figures = [row.figures() for row in rows]
    for name in dict.fromkeys(name for column in figures for name in column):
        table.add_row(name, *(form(column[name]) if name in column else "" for column in figures))
    console.print()
    console.print(table)
    console.print(f"\n{ABOUT}\n")


def form(value: float) -> str:
    """A figure in about three digits.

    >>> form(0.52), form(1.2345), form(187.6), form(37)
    ('0.520', '1.23', '188', '37')
    """
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.3g}"


def _save(rows: "Sequence[Row]", out: Path) -> None:
    """The figures as JSON, a picture, and each row's stories with what was found in them."""
    import matplotlib

    from storyteller.figures.charts import panels_figure
    from storyteller.utils.atomic_io import write_json, writing

    figures = {f"{row.checkpoint}, {row.sampling}": row.figures() for row in rows}
    matplotlib.use("Agg")  # a picture in a file needs no screen
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(rows, start=1):
            row.report.save(out / f"stories-{number}.txt")
        panels_figure(figures).savefig(out / "figures.png")
    write_json(out / "figures.json", figures)
