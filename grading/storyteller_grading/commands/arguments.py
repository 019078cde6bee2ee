"""The arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

CourseFolder = Annotated[Path, typer.Option("--course", help="The course's folder; the current one if left out.")]
LessonName = Annotated[str, typer.Argument(help="Number, name or folder of the lesson, such as 01.")]
LessonNames = Annotated[list[str] | None, typer.Argument(help="Numbers or names; all that were graded if left out.")]
Students = Annotated[str, typer.Option(help="Only these, such as ada,alan.")]
Unsafe = Annotated[bool, typer.Option("--unsafe", help="Go on without a sandbox: only for code of people you trust.")]


def split_names(text: str) -> list[str]:
    """The names of a list such as `ada, alan`."""
    return [name.strip() for name in text.split(",") if name.strip()]
