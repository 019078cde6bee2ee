"""The command `judge`: grades one submission, in a sandbox."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storyteller_grading.judge.judge import SubmissionResult

MIN_SECRET_CHARS = 8


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
    from storyteller.errors import StorytellerError
    from storyteller_course.exercises.lesson import is_lesson, load_lesson
    from storyteller_grading.judge.judge import judge_notebook
    from storyteller_grading.judge.report import write_result
    from storyteller_grading.judge.sandbox.filesystem_view import check_hidden
    from storyteller_grading.paths import find_lessons, lessons_folder

    name = lesson or notebook.stem
    try:
        folder = Path(name) if is_lesson(Path(name)) else find_lessons(lessons_folder(), [name])[0]
    except StorytellerError as error:
        raise StorytellerError(f"{error} Give the lesson's number or folder with --lesson.") from None
    if secret is not None:
        check_hidden([secret])
    loaded = load_lesson(folder)
    text = None if secret is None else read_secret(secret)
    result = judge_notebook(notebook, loaded, secret=text, unsafe=unsafe)
    where = out or notebook.parent / f"{notebook.stem}-result"
    write_result(result, where)
    print_result(result, where)


def print_result(result: "SubmissionResult", where: Path) -> None:
    """The points by exercise, what was noted, and where the page lies."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from storyteller_grading.judge.report import as_data, as_table

    console, data = Console(highlight=False), as_data(result)  # bounded, and without a terminal's control characters
    if data["fault"]:
        console.print(data["fault"], markup=False, soft_wrap=True)
    table = Table()
    for title in ("exercise", "points", "what to look at first"):
        table.add_column(title, justify="right" if title == "points" else "left")
    for row in as_table(result):
        table.add_row(*map(Text, row))
    console.print(table)
    for note in data["notes"]:
        console.print(note, markup=False, soft_wrap=True)
    if not result.hidden_draws:
        console.print("Graded with the notebook's own inputs alone: --secret FILE draws others.", markup=False)
    if not result.layers:
        console.print("No sandbox held, so this was as safe as running the notebook yourself.", markup=False)
    console.print(f"{where / 'result.html'}", markup=False, soft_wrap=True)


def read_secret(file: Path) -> str:
    """The secret in a file.

    Raises:
        StorytellerError: the file cannot be read, or what is in it could be guessed.
    """
    from storyteller.errors import StorytellerError

    try:
        text = file.read_bytes().strip()
    except OSError as error:
        raise StorytellerError(f"The secret {file} cannot be read: {error.strerror}.") from None
    if len(text) < MIN_SECRET_CHARS:
        raise StorytellerError(f"The secret in {file} is shorter than {MIN_SECRET_CHARS} characters; make it longer.")
    return text.hex()
