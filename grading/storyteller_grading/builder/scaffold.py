"""Starts a lesson: its hand-written files, from a template that builds and passes."""

import re
from pathlib import Path

from storyteller.errors import StorytellerError

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
