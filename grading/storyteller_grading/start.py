"""What the terminal's command `storyteller-grade` calls; it imports next to nothing: Ctrl-C is answered at once."""

from storyteller.utils.entry_point import start


def grade() -> None:
    """`storyteller-grade`."""
    start("storyteller_grading.cli", "main", name="storyteller-grade")
