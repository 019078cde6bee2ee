"""What several commands print. Names and reasons may come from students: they are bounded and harmless."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

MAX_NAMES = 10  # students that a summary names
MAX_CHARS = 300  # of a student's name and trouble


def cleaned(text: str) -> str:
    """A text of a student's, short, and without a terminal's control characters."""
    from storyteller_course.report.safe_repr import clean

    return clean(text, MAX_CHARS)


def print_names(names: list[str], what: str, console: "Console") -> None:
    """How many there are of a kind, and the first of them; nothing where there is none."""
    if names:
        more = ", ..." if len(names) > MAX_NAMES else ""
        shown = ", ".join(cleaned(name) for name in sorted(names)[:MAX_NAMES])
        console.print(f"{len(names)} {what}: {shown}{more}", markup=False, soft_wrap=True)
