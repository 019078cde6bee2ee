"""What the commands `storyteller...` of a terminal call. It imports next to nothing: Ctrl-C is answered at once."""

from storyteller.utils.entry_point import start


def storyteller() -> None:
    """`storyteller`."""
    start("storyteller_course.cli", "main", name="storyteller")


def download() -> None:
    """`storyteller-download`."""
    start("storyteller_course.cli", "download_main", name="storyteller-download")


def tokenizer() -> None:
    """`storyteller-tokenizer`."""
    start("storyteller_course.cli", "tokenizer_main", name="storyteller-tokenizer")


def preprocess() -> None:
    """`storyteller-preprocess`."""
    start("storyteller_course.cli", "preprocess_main", name="storyteller-preprocess")
