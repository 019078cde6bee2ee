"""The command `storyteller-grade`: makes the lessons' notebooks and grades submissions.

    storyteller-grade build            # all lessons; `build 01` for one, `--check` says what has drifted
    storyteller-grade new 06_rhymes    # a new lesson from a template that builds
    storyteller-grade judge work/01_data_preparation.ipynb
    storyteller-grade release 01       # what a class gets of a lesson, without the answers
    storyteller-grade collect 01 submissions.zip
    storyteller-grade autograde 01     # a whole class, in its course's folder; run again, it goes on where it was

A command imports what it needs inside its body, so that `storyteller-grade --help` answers at once.
"""

import sys
from collections.abc import Sequence

import typer

from storyteller.errors import StorytellerError
from storyteller.utils.openmp import sleep_while_waiting

app = typer.Typer(
    name="storyteller-grade",
    help="Build the lessons' notebooks and grade submissions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Keep the commands' names even where there is only one."""


def _register() -> None:
    """Hand every command to the app."""
    from storyteller_grading import commands
    from storyteller_grading.classroom import commands as classroom
    from storyteller_grading.classroom import commands_course as course
    from storyteller_grading.classroom import commands_handing as handing
    from storyteller_grading.classroom import commands_lms as lms
    from storyteller_grading.classroom import commands_review as review
    from storyteller_grading.judge import command

    app.command("build")(commands.build)
    app.command("new")(commands.new)
    app.command("judge")(command.judge)
    app.command("init")(course.init)
    app.command("release")(course.release)
    app.command("collect")(handing.collect)
    app.command("autograde")(classroom.autograde)
    app.command("regrade")(classroom.regrade)
    app.command("feedback")(review.feedback)
    app.command("report")(review.report)
    app.command("similar")(review.similar)
    app.command("export")(lms.export)
    app.command("rehearse")(review.rehearse)


_register()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what the user can mend is said in one sentence, with exit code 2."""
    sleep_while_waiting()  # before torch is imported
    try:
        app(args=None if arguments is None else list(arguments))
    except StorytellerError as error:
        print(f"storyteller-grade: {error}", file=sys.stderr)
        sys.exit(2)
