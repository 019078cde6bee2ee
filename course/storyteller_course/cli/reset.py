"""`storyteller reset 01 count_pairs`: bring back one TODO cell, and keep what was there."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole

Cell = dict[str, Any]
HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def reset(
    lesson: Annotated[str, typer.Argument(help="01, or 01_data_preparation")],
    exercise: Annotated[str, typer.Argument(help="the name of the exercise, as its check has it")],
    work: Annotated[Path | None, typer.Option(help="your folder of the lessons (./my-lessons)")] = None,
) -> None:
    """Bring an exercise's answer cell back as the course gives it; what was there is kept."""
    from storyteller_course.notebook import workspace
    from storyteller_course.notebook.progress_store import ProgressStore

    home = workspace.find_work(work)
    if workspace.is_release(home):
        raise StorytellerError(
            "Your course handed this lesson out to you, and its notebook is here only as you have changed it: take the "
            f"lesson once more from your course, into another folder, and copy the cell of {exercise} from there."
        )
    course = workspace.find_lesson(workspace.course_lessons(), lesson)
    folder = home / course.name
    file = workspace.notebook_of(folder)
    if not file.is_file():
        raise StorytellerError(f"There is no {file}; storyteller lab {course.name[:2]} puts it there.")
    given, notebook = given_cell(workspace.notebook_of(course), exercise), read_notebook(file)
    was = put_back(notebook["cells"], given)
    if was == text_of(given):
        print(f"The cell of {exercise} is already as the course gives it.")
        return
    if was:
        suffix = ".py" if given["cell_type"] == "code" else ".md"
        kept = workspace.put_aside(folder, exercise, suffix, (was.rstrip() + "\n").encode("utf-8", "backslashreplace"))
        print(f"What was there is kept in {kept}.")
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    # Half a character, which some editors leave behind, is written as it was read: escaped.
    write_whole(file, HALF_CHARACTER.sub(lambda half: f"\\u{ord(half[0]):04x}", text))
    ProgressStore.find(folder).forget(course.name, exercise)
    print(f"The cell of {exercise} is as the course gives it. If it is open: File > Reload Notebook from Disk.")


def read_notebook(file: Path) -> dict[str, Any]:
    """A notebook as plain data.

    Raises:
        StorytellerError: the file is no notebook.
    """
    try:
        notebook = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(notebook["cells"], list) and all(isinstance(cell, dict) for cell in notebook["cells"]):
            return dict(notebook)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise StorytellerError(
        f"{file} is damaged and cannot be read as a notebook; rename it, and storyteller lab brings a fresh one."
    )


def given_cell(file: Path, exercise: str) -> Cell:
    """The cell that the course's notebook gives for the answer.

    Raises:
        StorytellerError: the notebook has no such exercise.
    """
    answers: dict[str, Cell] = {name_of(cell): cell for cell in read_notebook(file)["cells"] if is_answer(cell)}
    if exercise not in answers:
        names = ", ".join(answers) or "none"
        raise StorytellerError(f"{file.stem} has no exercise {exercise!r}; its exercises are: {names}.")
    return answers[exercise]


def put_back(cells: list[Cell], given: Cell) -> str:
    """Put the given cell in the place of the student's; returns the text that stood there.

    Colab and VS Code keep neither our metadata nor ids. There the cell is the last one before the check that defines
    what the exercise asks for. A cell that was deleted is put before its check, where that is left.

    Raises:
        StorytellerError: neither the cell nor its check is in the notebook.
    """
    name = name_of(given)
    current = next((cell for cell in cells if is_answer(cell) and name_of(cell) == name), None)
    current = current or next((cell for cell in cells if cell.get("id") == name), None)  # its metadata was lost
    check = next((place for place, cell in enumerate(cells) if is_check(cell, name)), None)
    if current is None and given["cell_type"] == "code":
        definition = re.compile(rf"^(?:def|class) {re.escape(name)}\b", re.MULTILINE)
        above = cells if check is None else cells[:check]
        current = next((cell for cell in reversed(above) if definition.search(text_of(cell))), None)
    if current is not None:
        was = text_of(current)
        current.update(given)
        return was
    if check is not None:
        cells.insert(check, given)
        return ""
    raise StorytellerError(
        f"The notebook has neither the cell of {name} nor its check any more; rename it, and storyteller lab brings a "
        "fresh one to copy your answers into."
    )


def is_answer(cell: Cell) -> bool:
    """Whether this is a cell for an answer, in the course's notebook or in a student's."""
    return bool(_nbgrader(cell).get("solution"))


def is_check(cell: Cell, exercise: str) -> bool:
    """Whether this is the cell that checks an exercise: by its name, or where that was lost by its call."""
    call = re.search(rf"^check\([\"']{re.escape(exercise)}[\"']", text_of(cell), re.MULTILINE)
    return f"{exercise}-check" in (name_of(cell), cell.get("id")) or call is not None


def name_of(cell: Cell) -> str:
    """The name that nbgrader knows a cell by: for an answer, the exercise's."""
    return str(_nbgrader(cell).get("grade_id", ""))


def _nbgrader(cell: Cell) -> dict[str, Any]:
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None  # editors write null too
    return found if isinstance(found, dict) else {}


def text_of(cell: Cell) -> str:
    """A cell's text; the format allows one string or a list of lines."""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))
