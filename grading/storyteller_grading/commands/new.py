"""The command `new`: makes the files of a new lesson."""

from typing import Annotated

import typer


def new(name: Annotated[str, typer.Argument(help="Number and name, such as 06_rhymes.")]) -> None:
    """Make the files of a new lesson from a template that builds and passes."""
    from storyteller_grading.builder.scaffold import new_lesson
    from storyteller_grading.paths import lessons_folder

    folder = new_lesson(name, lessons_folder())
    print(f"Made {folder.parent.name}/{folder.name}. Next: storyteller-grade build {name[:2]}")
