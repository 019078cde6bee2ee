"""The commands for work on lessons, without a class: `new`, `build`, and `judge` for a single notebook."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storyteller_grading.judge.judge import SubmissionResult

PARALLEL_NOTEBOOKS = 2
MAX_CELLS_NAMED = 10  # of a lesson
MIN_SECRET_CHARS = 8


def new(name: Annotated[str, typer.Argument(help="Number and name, such as 06_rhymes.")]) -> None:
    """Make the files of a new lesson from a template that builds and passes."""
    from storyteller_grading.builder.lesson_folders import lessons_folder, new_lesson

    folder = new_lesson(name, lessons_folder())
    print(f"Made {folder.parent.name}/{folder.name}. Next: storyteller-grade build {name[:2]}")


def build(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="Numbers or names, such as 01; all when left out.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what has drifted, write nothing.")] = False,
    sources: Annotated[bool, typer.Option("--sources", help="With --check: do not execute, compare sources.")] = False,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Run nothing and keep the outputs: where texts have changed and no code.")
    ] = False,
) -> None:
    """Make the lessons' notebooks from their sources, or say which have drifted."""
    from storyteller_grading.builder.lesson_folders import find_lessons, lessons_folder

    home = lessons_folder()
    folders, solutions = find_lessons(home, lessons), home.parent / "solutions"
    if not folders:
        print("There are no lessons yet: storyteller-grade new 01_name makes one.")
    elif check or sources:
        raise typer.Exit(report_drift(folders, solutions, run=not sources))
    else:
        from storyteller_grading.builder.build import build_lesson, keep_outputs

        for folder in folders:
            if no_run:
                keep_outputs(folder, solutions)
            else:
                print(build_lesson(folder, solutions), flush=True)


def address(
    address: Annotated[str, typer.Argument(metavar="URL", help="As https://github.com/OWNER/NAME; '' for none.")],
) -> None:
    """Set the repository's address: notebooks get links and fetch the course from there, the README gets badges."""
    from storyteller_grading.builder.build import keep_outputs
    from storyteller_grading.builder.lesson_folders import find_lessons, lessons_folder
    from storyteller_grading.builder.repository import set_address

    home = lessons_folder()
    written = set_address(home.parent, address)
    for folder in find_lessons(home, []):
        keep_outputs(folder, home.parent / "solutions")
    print(f"The repository's address is {written}." if written else "The repository has no address, and no badges.")


def report_drift(folders: list[Path], solutions: Path, *, run: bool) -> int:
    """Print what has drifted; the exit code.

    Args:
        folders: the lessons'.
        solutions: the folder with their solved notebooks.
        run: execute the notebooks too, where all sources agree.
    """
    from storyteller_grading.builder.build import drift_of_outputs, drift_of_sources

    drifted = False
    for folder in folders:
        faults = drift_of_sources(folder, solutions)
        for fault in faults[:MAX_CELLS_NAMED]:
            print(f"drifted: {fault}", file=sys.stderr)
        if len(faults) > MAX_CELLS_NAMED:
            print(
                f"drifted: {(more := len(faults) - MAX_CELLS_NAMED)} more cell{'s' * (more != 1)} of {folder.name}.",
                file=sys.stderr,
            )
        drifted = drifted or bool(faults)
    if drifted or not run:
        return int(drifted)
    with ThreadPoolExecutor(PARALLEL_NOTEBOOKS) as pool:
        # The last lesson trains for the longest: beside it the others have time to finish.
        for cost in pool.map(lambda folder: drift_of_outputs(folder, solutions), reversed(folders)):
            print(cost, flush=True)
            for fault in cost.faults:
                print(fault, file=sys.stderr)
            if cost.too_much:
                print(f"{cost.lesson} takes more than four times its budget.", file=sys.stderr)
            drifted = drifted or bool(cost.faults) or cost.too_much
    return int(drifted)


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
    from storyteller_grading.builder.lesson_folders import find_lessons, lessons_folder
    from storyteller_grading.judge.judge import judge_notebook
    from storyteller_grading.judge.report import write_result
    from storyteller_grading.judge.sandbox.namespaces import check_hidden

    if not notebook.is_file():
        raise StorytellerError(f"There is no file {notebook}; name the .ipynb file that was handed in.")
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
    if not result.seeds and not data["fault"]:
        console.print("Graded with the notebook's own inputs alone: --secret FILE draws others.", markup=False)
    if not result.layers and not data["fault"]:
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
