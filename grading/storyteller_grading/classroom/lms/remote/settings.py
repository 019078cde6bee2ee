"""`lms.toml` in the course's folder: which course and assignments of the LMS are meant. The token stands elsewhere.

[canvas]
url = "https://canvas.example.edu"
course = 4711                        # the number in the course's address
token_file = "/home/ada/.canvas"     # its mode must be 600; without this line the variable CANVAS_TOKEN is taken

[canvas.assignments]
01_data_preparation = 815            # the number in the assignment's address
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course, check_private

FILE = "lms.toml"
LOCAL = ("localhost", "127.0.0.1")  # where a token may travel without TLS
SAMPLE = """\
[{name}]
url = "https://{name}.example.edu"
course = 4711
[{name}.assignments]
{lesson} = 815"""


@dataclass(frozen=True)
class RemoteSettings:
    """Where a lesson's assignment is, and the token."""

    url: str  # without a stroke at its end
    course: str
    assignment: str
    token: str

    def __repr__(self) -> str:  # so that no trace shows the token
        return f"RemoteSettings({self.url!r}, {self.course!r}, {self.assignment!r})"


def read_settings(course: Course, system: str, lesson: str) -> RemoteSettings:
    """The settings of a system for a lesson.

    Args:
        course: its folder has lms.toml.
        system: such as "canvas".
        lesson: the lesson's name.

    Raises:
        StorytellerError: the file is missing or damaged, does not name the lesson, or there is no token.
    """
    file = course.folder / FILE
    sample = f"write into it\n{SAMPLE.format(name=system, lesson=lesson)}\nwith the numbers of your LMS's addresses."
    if not file.is_file():
        raise StorytellerError(f"There is no {file}: {sample}")
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorytellerError(f"{file} cannot be read as TOML ({error}): mend that line.") from None
    table = document.get(system)
    if not isinstance(table, dict) or not {"url", "course", "assignments"} <= table.keys():
        raise StorytellerError(f"{file} has no [{system}] with url, course and assignments: {sample}")
    if "token" in table:
        raise StorytellerError(
            f"{file} holds a token, and files of a course are copied about: take the line out, and name a file of mode "
            f"600 with token_file, or set {variable(system)}."
        )
    assignments = table["assignments"]
    if not isinstance(assignments, dict) or lesson not in assignments:
        raise StorytellerError(f"{file} has no line for {lesson} below [{system}.assignments]: {sample}")
    url = str(table["url"]).rstrip("/")
    parts = urlsplit(url)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOCAL):
        raise StorytellerError(f"{file}: {url!r} is no address such as https://{system}.example.edu.")
    number, assignment = str(table["course"]), str(assignments[lesson])
    if wrong := [one for one in (number, assignment) if not one.isdecimal()]:
        raise StorytellerError(f"{file}: {wrong[0]!r} is no number of a course or an assignment.")
    return RemoteSettings(url, number, assignment, read_token(file, system, table.get("token_file")))


def read_token(file: Path, system: str, token_file: object) -> str:
    """The token: from the file that lms.toml names, else from the environment.

    Raises:
        StorytellerError: there is none, or others can read the file.
    """
    if token_file is not None:
        path = Path(str(token_file)).expanduser()
        path = path if path.is_absolute() else file.parent / path
        check_private(path)
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StorytellerError(f"The token_file {path} of {file} cannot be read ({error}).") from None
    else:
        token = os.environ.get(variable(system), "").strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        where = f"the file {token_file}" if token_file is not None else f"the variable {variable(system)}"
        raise StorytellerError(
            f"There is no token in {where}: make one in your LMS's settings, and put it there. It is never given on "
            "the command line, where others on this machine could read it."
        )
    return token


def variable(system: str) -> str:
    """The environment variable that may hold a system's token."""
    return f"{system.upper()}_TOKEN"
