"""The one error that a user is meant to read.

Raise `StorytellerError` when the input is at fault, not the program: a missing file, an unknown preset, a damaged
checkpoint. Its text is one clear sentence that names what was got, what was wanted and the way out. The command line
prints that sentence and ends with exit code 2; a notebook shows it without a traceback.
"""

import importlib
from types import ModuleType

MAX_SAID_CHARS = 160  # of another library's error


class StorytellerError(Exception):
    """Something the user can mend; the message says how."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in the place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def require(condition: bool, message: str) -> None:
    """Raise a StorytellerError with this message unless the condition holds."""
    if not condition:
        raise StorytellerError(message)


def first_line(error: BaseException) -> str:
    """What another library's error says, in short, for a sentence of ours; its kind where it says nothing."""
    text = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(". ")
    return text if len(text) <= MAX_SAID_CHARS else text[: MAX_SAID_CHARS - 3] + "..."


def optional_import(name: str, *, extra: str) -> ModuleType:
    """Import a package that only some commands need, or say how to get it.

    Args:
        name: the module to import, such as `"ftfy"` or `"pyarrow.parquet"`.
        extra: the extra of this distribution that installs it, such as `"data"`.

    Raises:
        StorytellerError: the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A package that is there but lacks one of its own parts is a broken install, not a missing extra.
        if error.name is None or error.name.split(".")[0] != name.split(".")[0]:
            raise
        package = name.split(".")[0]
        raise StorytellerError(
            f"This needs the package {package!r}, which is not installed: run pip install -c constraints.txt -e "
            f'".[{extra}]".'
        ) from None
