"""The lessons' folders: where they are, and a new one's hand-written files, from a template that builds and passes."""

import re
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


TEMPLATE = Path(__file__).with_name("template")


def new_lesson(name: str, lessons: Path) -> Path:
    """Make the folder of a new lesson; its path.

    Args:
        name: two digits and a name, such as `06_rhymes`.
        lessons: the folder of all lessons.

    Raises:
        StorytellerError: the name is of another form, or a lesson has its number already.
    """
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name):
        raise StorytellerError(f"A lesson's name is two digits, _ and small letters, such as 06_rhymes; got {name!r}.")
    taken = sorted(lessons.glob(f"{name[:2]}_*"))
    if taken:
        raise StorytellerError(f"There is {taken[0].name} already: choose another number, or remove it first.")
    folder = lessons / name
    title = f"Lesson {name[:2]}: " + name[3:].replace("_", " ")
    for path in sorted([TEMPLATE / "lesson.md", *TEMPLATE.rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        text = text.replace("LESSON_TITLE", title).replace("LESSON_NAME", name)
        target = folder / path.relative_to(TEMPLATE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return folder
