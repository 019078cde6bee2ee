"""`storyteller-grade judge NOTEBOOK`: grade one submission, in a sandbox."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller.errors import StorytellerError

if TYPE_CHECKING:
    from storyteller_grading.judge.judge import SubmissionResult

SHORTEST_SECRET = 8  # bytes


def judge(
    notebook: Annotated[Path, typer.Argument(help="The submission, a .ipynb file.")],
    lesson: Annotated[
        str, typer.Option(help="Number, name or folder of the lesson; the notebook's name says it if left out.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for result.json and result.html; NOTEBOOK-result if left out.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(help="File with the course's secret, from which hidden inputs are drawn.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Go on without a sandbox: for your own work, or for people you trust.")
    ] = False,
) -> None:
    """Grade one notebook without trusting it."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.judge.judge import judge_notebook
    from storyteller_grading.judge.report import write
    from storyteller_grading.judge.sandbox.filesystem_view import check_hidden

    folder = _lesson_folder(lesson or notebook.stem)
    if secret is not None:
        check_hidden([secret])
    result = judge_notebook(notebook, load_lesson(folder), secret=_read(secret), unsafe=unsafe)
    where = out or notebook.parent / f"{notebook.stem}-result"
    write(result, where)
    _show(result, where)


def _show(result: "SubmissionResult", where: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from storyteller_grading.judge.report import as_data, as_table

    console, said = Console(highlight=False), as_data(result)  # bounded, and without a terminal's control characters
    if said["fault"]:
        console.print(said["fault"], markup=False, soft_wrap=True)
    table = Table()
    for title in ("exercise", "points", "what to look at first"):
        table.add_column(title, justify="right" if title == "points" else "left")
    for row in as_table(result):
        table.add_row(*map(Text, row))
    console.print(table)
    for note in said["notes"]:
        console.print(note, markup=False, soft_wrap=True)
    if not result.hidden_draws:
        console.print("Graded with the notebook's own inputs alone: --secret FILE draws others.", markup=False)
    if not result.layers:
        console.print("No sandbox held, so this was as safe as running the notebook yourself.", markup=False)
    console.print(f"{where / 'result.html'}", markup=False, soft_wrap=True)


def _lesson_folder(wanted: str) -> Path:
    """The folder of a lesson, by its path, its number or its name."""
    from storyteller_course.exercises.lesson import is_lesson
    from storyteller_grading.paths import find_lessons, lessons_folder

    folder = Path(wanted)
    if is_lesson(folder):
        return folder
    try:
        return find_lessons(lessons_folder(), [wanted])[0]
    except StorytellerError as error:
        raise StorytellerError(f"{error} Give the lesson's number or folder with --lesson.") from None


def _read(secret: Path | None) -> str | None:
    """The secret in a file.

    Raises:
        StorytellerError: the file cannot be read, or what is in it could be guessed.
    """
    if secret is None:
        return None
    try:
        text = secret.read_bytes().strip()
    except OSError as error:
        raise StorytellerError(f"The secret {secret} cannot be read: {error.strerror}.") from None
    if len(text) < SHORTEST_SECRET:
        raise StorytellerError(f"The secret in {secret} is shorter than {SHORTEST_SECRET} characters; make it longer.")
    return text.hex()
