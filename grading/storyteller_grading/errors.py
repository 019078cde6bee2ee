"""What the builder says about a lesson's source: always with the file and the line."""

from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import ANSWERS, CHECKS


class BuildError(StorytellerError):
    """A lesson's source cannot be built; the message begins with `file:line:`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        above = 3 if path.parent.name in (CHECKS, ANSWERS) else 2  # the lesson's name is always told
        super().__init__(f"{'/'.join(path.parts[-above:])}:{line}: {message}")
        self.path, self.line = path, line
