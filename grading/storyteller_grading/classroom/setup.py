"""Makes the folder of a new course: what `course.py` describes, so that plain nbgrader commands work in it too."""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import writing
from storyteller_grading.classroom.course import CONFIG, Course, roster_text

COURSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")  # nbgrader makes a folder of it in the exchange
SAMPLE = (
    ("ada", "Ada", "Lovelace", "ada@example.org", "1001"),
    ("alan", "Alan", "Turing", "alan@example.org", "1002"),
)
SETTINGS = '''\
"""nbgrader's configuration for this course; the lessons' own settings come from storyteller_grading."""

from storyteller_grading.builder.nbgrader_release import configure

c = get_config()
configure(c)
c.CourseDirectory.course_id = "{name}"
'''
README = """\
# {name}

| | |
| --- | --- |
| `roster.csv` | your students; two samples stand in it, replace them |
| `secret` | hidden inputs are drawn from it: keep a copy, show it to nobody |
| `source/` | the lessons with their answers |
| `bundles/LESSON.zip`, `release/LESSON/` | what students get: for download, and for nbgrader's exchange |
| `submitted/STUDENT/LESSON/LESSON.ipynb` | what comes back |
| `gradebook.db`, `records.db` | nbgrader's grades, and what the judge found; they appear with the first grading |

| command | what it does |
| --- | --- |
| `storyteller-grade release 01` | makes what students get |
| `storyteller-grade collect 01 ZIP` | fetches what came back: from an LMS's zip, a folder, or nbgrader's exchange |
| `storyteller-grade autograde 01` | grades it |
| `storyteller-grade feedback 01`, `storyteller-grade report` | pages for students, and about the class |
| `storyteller-grade export` | the grades for Canvas, Moodle or a spreadsheet |
"""


def make_course(folder: Path, solutions: Sequence[Path], *, name: str = "") -> Course:
    """Make a course's folder, whole or not at all.

    Args:
        folder: where; it must not exist, or be empty.
        solutions: the lessons' solved notebooks, from which nbgrader makes releases.
        name: the course's id in nbgrader; the folder's name if left out.

    Raises:
        StorytellerError: something lies in the folder, or its name cannot be a course's id.
    """
    folder = folder.absolute()
    name = name or folder.name
    if not COURSE_ID.fullmatch(name):
        raise StorytellerError(f"{name!r} cannot be a course's id; give one such as moe-2026 with --name.")
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise StorytellerError(f"{folder} is there and not empty, and nothing is overwritten; name a new folder.")
    with writing(folder, way_out="name another folder"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".course-", dir=folder.parent) as place:
            made = Path(place) / "course"
            _fill(made, solutions, name)
            os.replace(made, folder)
    return Course.open(folder)


def _fill(folder: Path, solutions: Sequence[Path], name: str) -> None:
    for part in ("source", "release", "submitted"):
        (folder / part).mkdir(parents=True)
    for path in solutions:
        (folder / "source" / path.stem).mkdir()
        shutil.copyfile(path, folder / "source" / path.stem / path.name)
    for file, text in (
        ("README.md", README.format(name=name)),
        ("roster.csv", roster_text(SAMPLE)),
        (CONFIG, SETTINGS.format(name=name)),
    ):
        (folder / file).write_text(text, encoding="utf-8", newline="\n")
    opened = os.open(folder / "secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(opened, "w", encoding="ascii") as secret:
        secret.write(secrets.token_hex(32) + "\n")
