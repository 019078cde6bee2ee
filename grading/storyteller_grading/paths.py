"""Where the course's lessons and solutions are."""

from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.notebook.workspace import lesson_named


def lessons_folder(root: Path | None = None) -> Path:
    """The folder `lessons` of the repository, looked for from here upwards and then beside the installed package.

    Raises:
        StorytellerError: there is none.
    """
    here = (root or Path.cwd()).resolve()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if (folder / "lessons").is_dir() and (folder / "pyproject.toml").is_file():
            return folder / "lessons"
    raise StorytellerError("There is no folder `lessons` here or above: run this in the course's repository.")


def find_lessons(lessons: Path, wanted: list[str] | None = None) -> list[Path]:
    """The lessons' folders, in order; those that are wanted, by number or name: `1`, `01`, `01_data_preparation`.

    Raises:
        StorytellerError: one is not there.
    """
    folders = sorted(path.parent for path in lessons.glob("[0-9][0-9]_*/lesson.md"))
    if not wanted:
        return folders
    chosen = []
    for name in wanted:
        folder = lesson_named(folders, name)
        if folder is None:
            known = ", ".join(path.name for path in folders) or "none"
            raise StorytellerError(f"There is no lesson {name!r}; there are: {known}.")
        chosen.append(folder)
    return chosen


def lesson_folder(wanted: str) -> Path:
    """The folder of a lesson on this machine: a path, where a lesson is there; else by its number or name.

    Raises:
        StorytellerError: there is no such lesson.
    """
    from storyteller_course.exercises.lesson import is_lesson

    folder = Path(wanted)
    return folder if is_lesson(folder) else find_lessons(lessons_folder(), [folder.name])[0]
