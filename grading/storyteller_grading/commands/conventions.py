"""What the commands have in common: arguments, and how they print names and reasons, which may come from students."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

MAX_NAMES = 10  # students that a summary names
NOT_ON_THE_ROSTER = (
    "[has|have] work here and [does|do] not stand in roster.csv, so nobody knows [the name|their names]; mend it"
)
MAX_CHARS = 300  # of a student's name and trouble

CourseFolder = Annotated[Path, typer.Option("--course", help="The course's folder; the current one if left out.")]
LessonName = Annotated[str, typer.Argument(help="Number, name or folder of the lesson, such as 01.")]
LessonNames = Annotated[list[str] | None, typer.Argument(help="Numbers or names; all that were graded if left out.")]
Students = Annotated[str, typer.Option(help="Only these, such as ada,alan.")]
Unsafe = Annotated[bool, typer.Option("--unsafe", help="Go on without a sandbox: only for code of people you trust.")]


def split_names(text: str) -> list[str]:
    """The names of a list such as `ada, alan`."""
    return [name.strip() for name in text.split(",") if name.strip()]


def progress_bar(console: "Console | None" = None) -> "Progress":
    """A bar with its count and the time that is left. It is gone at the end, and off a terminal it is never there."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = console or Console()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def cleaned(text: str) -> str:
    """A text of a student's, short, and without a terminal's control characters."""
    from storyteller_course.report.safe_repr import clean

    return clean(text, MAX_CHARS)


def print_names(names: list[str], what: str, console: "Console") -> None:
    """How many there are of a kind, and the first of them; nothing where there is none. `what` agrees with how many."""
    from storyteller_grading.classroom.wording import agreeing

    if names:
        more = ", ..." if len(names) > MAX_NAMES else ""
        shown = ", ".join(cleaned(name) for name in sorted(names)[:MAX_NAMES])
        console.print(f"{len(names)} {agreeing(len(names), what)}: {shown}{more}", markup=False, soft_wrap=True)
