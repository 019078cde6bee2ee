"""What the builder says about a lesson's source: always with the file and the line."""

from pathlib import Path

from storyteller.errors import StorytellerError


class BuildError(StorytellerError):
    """A lesson's source cannot be built; the message begins with `file:line:`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name}:{line}: {message}")
        self.path, self.line = path, line
