"""The command `storyteller`: the library's commands, from `storyteller.cli`, and the course's, from this folder.

    storyteller story                  # train the tiny model on the embedded corpus, hear three stories
    storyteller tell "Once upon a time, a fox"

A command imports torch and the like inside its body, so that `storyteller --help` answers at once.
"""

import sys
from collections.abc import Sequence

import typer

from storyteller.cli import (
    download,
    evaluate,
    export,
    info,
    mlflow,
    preprocess,
    reinforce,
    serve,
    stories,
    story,
    tell,
    tokenizer,
    train,
)
from storyteller.cli.typer_extensions import Interruptible, ManyValues, run_app
from storyteller.utils.openmp import sleep_while_waiting
from storyteller_course.cli import doctor, lab, progress, reset

app = typer.Typer(
    name="storyteller",
    cls=Interruptible,
    help="Build, train and talk to a small Mixture-of-Experts model that tells stories.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


# The order of `storyteller --help`.
app.command()(lab.lab)
app.command()(progress.progress)
app.command()(reset.reset)
app.command()(story.story)
app.command()(tell.tell)
app.command()(train.train)
app.command()(reinforce.finetune)
app.command()(reinforce.reinforce)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.command()(mlflow.mlflow)
app.command()(serve.serve)
app.command()(stories.stories)
app.command(cls=ManyValues)(download.download)
app.command(cls=ManyValues)(tokenizer.tokenizer)
app.command(cls=ManyValues)(preprocess.preprocess)
app.command()(info.info)
app.command()(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what the user can mend, and Ctrl-C, is said in one sentence, with exit code 2."""
    sleep_while_waiting()
    run_app(app, arguments, name="storyteller")


def download_main() -> None:
    """`storyteller-download`, the same as `storyteller download`."""
    main(["download", *sys.argv[1:]])


def tokenizer_main() -> None:
    """`storyteller-tokenizer`, the same as `storyteller tokenizer`."""
    main(["tokenizer", *sys.argv[1:]])


def preprocess_main() -> None:
    """`storyteller-preprocess`, the same as `storyteller preprocess`."""
    main(["preprocess", *sys.argv[1:]])
