"""The command `storyteller-grade`: makes the lessons' notebooks and grades submissions.

    storyteller-grade build            # all lessons; `build 01` for one, `--check` says what has drifted
    storyteller-grade new 06_rhymes    # a new lesson from a template that builds
    storyteller-grade address https://github.com/OWNER/NAME   # links, badges, and where notebooks fetch the course
    storyteller-grade judge work/01_data_preparation.ipynb
    storyteller-grade release 01       # what a class gets of a lesson, without the answers
    storyteller-grade collect 01 submissions.zip
    storyteller-grade autograde 01     # a whole class, in its course's folder; run again, it goes on where it was

The commands are in `storyteller_grading.commands`, one file a stage of the work.
"""

from collections.abc import Sequence

import typer

from storyteller.cli.typer_extensions import Interruptible, run_app
from storyteller.utils.openmp import sleep_while_waiting
from storyteller_grading.commands.author import address, build, judge, new
from storyteller_grading.commands.autograde import autograde, regrade
from storyteller_grading.commands.course import collect, extend, init, rehearse, release
from storyteller_grading.commands.results import HELP, export, feedback, report, similar
from storyteller_grading.commands.written import written

app = typer.Typer(
    name="storyteller-grade",
    cls=Interruptible,
    help="Build the lessons' notebooks and grade submissions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(build)
app.command()(new)
app.command()(judge)
app.command()(address)
app.command()(init)
app.command()(release)
app.command()(extend)
app.command()(collect)
app.command()(autograde)
app.command()(regrade)
app.command()(written)
app.command()(feedback)
app.command()(report)
app.command()(similar)
app.command(help=HELP)(export)
app.command()(rehearse)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what the user can mend, and Ctrl-C, is said in one sentence, with exit code 2."""
    sleep_while_waiting()  # before torch is imported
    run_app(app, arguments, name="storyteller-grade")
