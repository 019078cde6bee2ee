"""The folder of a course: nbgrader's own layout, and two files of ours beside it.

    course = make_course(Path("moe-2026"), solutions)  # a new one; plain nbgrader commands work in it too
    course = Course.open(Path("moe-2026"))
    for submission in course.submissions("01_data_preparation"):
        print(submission.student, submission.notebook)

What stands in `submitted/` comes from students: names are looked at and links are never followed.
"""

import csv
import io
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import writing
from storyteller_grading.classroom.lms.registry import titles

CONFIG = "nbgrader_config.py"
COLUMNS = ("id", "first_name", "last_name", "email", "lms_user_id")  # of roster.csv, nbgrader's own
NAME = re.compile(r"[^\W_][\w.@ '+=~-]{0,99}")  # of a student's folder; `_unmatched` is none
SECRET = re.compile(r"[0-9a-f]{64}")
COURSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")  # nbgrader makes a folder of it in the exchange
SAMPLE = (
    ("ada", "Ada", "Lovelace", "ada@example.org", "1001"),
    ("alan", "Alan", "Turing", "alan@example.org", "1002"),
)
NBGRADER_CONFIG = '''\
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
| `storyteller-grade export` | the grades for {systems} or a spreadsheet |
"""


@dataclass(frozen=True)
class Student:
    """A line of the roster."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one lesson."""

    student: str
    notebook: Path  # may be missing, a link or anything else
    submitted_at: datetime | None = None  # in UTC
    notes: tuple[str, ...] = ()  # for the instructor: what was strange about the folder

    @classmethod
    def read(cls, student: str, folder: Path) -> "Submission":
        """What lies in a student's folder; of several notebooks the one with the lesson's name."""
        notebook, notes = folder / f"{folder.name}.ipynb", []
        others = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".ipynb" and path != notebook)
        if os.path.lexists(notebook):
            if others:
                notes.append(f"{len(others) + 1} notebooks: the one named like the lesson was taken.")
        elif others:
            which = "it was taken" if len(others) == 1 else f"the first of {len(others)} was taken"
            notes.append(f"No notebook is named {notebook.name}; {which}: {others[0].name[:100]!r}.")
            notebook = others[0]
        submitted_at, timestamp = None, folder / "timestamp.txt"
        if timestamp.is_file() and not timestamp.is_symlink():
            with open(timestamp, encoding="utf-8", errors="replace") as file:
                submitted_at = parsed_time(file.read(100))
            if not submitted_at:
                notes.append("timestamp.txt holds no time, so it counts as handed in on time.")
        return cls(student, notebook, submitted_at, tuple(notes))


@dataclass(frozen=True)
class Course:
    """The folder of a course."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> "Course":
        """The course in a folder.

        Raises:
            StorytellerError: there is none.
        """
        folder = folder.absolute()
        if not (folder / CONFIG).is_file():
            raise StorytellerError(
                f"{folder} is no course: it has no {CONFIG}. Go to the course's folder or name it with --course; "
                "storyteller-grade init makes a new one."
            )
        return cls(folder)

    @property
    def secret_file(self) -> Path:
        """From what is in it hidden inputs are drawn."""
        return self.folder / "secret"

    @property
    def roster_file(self) -> Path:
        """The students, as nbgrader's `db student import` reads them."""
        return self.folder / "roster.csv"

    @property
    def records_file(self) -> Path:
        """What came of each grading; nbgrader has no place for it."""
        return self.folder / "records.db"

    @property
    def gradebook_url(self) -> str:
        """Of nbgrader's gradebook, as SQLAlchemy has it."""
        return f"sqlite:///{self.folder / 'gradebook.db'}"

    @property
    def source(self) -> Path:
        """The lessons with their answers."""
        return self.folder / "source"

    @property
    def release(self) -> Path:
        """What students get."""
        return self.folder / "release"

    @property
    def bundles(self) -> Path:
        """The same as zips, with the library: LESSON.zip."""
        return self.folder / "bundles"

    @property
    def submitted(self) -> Path:
        """What came back: STUDENT/LESSON/LESSON.ipynb."""
        return self.folder / "submitted"

    @property
    def autograded(self) -> Path:
        """The notebooks that formgrader shows."""
        return self.folder / "autograded"

    @property
    def feedback(self) -> Path:
        """The pages for students."""
        return self.folder / "feedback"

    def writing(self) -> AbstractContextManager[None]:
        """In which what goes wrong while something is written into the folder becomes one sentence."""
        return writing(self.folder, way_out="see to it that you may write there")

    def secret(self) -> str:
        """The course's secret.

        Raises:
            StorytellerError: it is missing, no secret, or can be read by others.
        """
        check_private(self.secret_file)
        try:
            text = self.secret_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StorytellerError(
                f"The course's secret {self.secret_file} cannot be read ({error}); restore it from your backup, or "
                "make a new one with `openssl rand -hex 32` and grade everybody again."
            ) from None
        if not SECRET.fullmatch(text):
            raise StorytellerError(f"{self.secret_file} holds no secret of 64 hexadecimal digits; restore it.")
        return text

    def students(self) -> list[Student]:
        """The roster, in its order; empty where there is none.

        Raises:
            StorytellerError: it lacks the column `id`, a student has none, or two have the same.
        """
        if not self.roster_file.is_file():
            return []
        with open(self.roster_file, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if "id" not in (table.fieldnames or ()):
                raise StorytellerError(f"{self.roster_file} has no column `id`; its columns are {', '.join(COLUMNS)}.")
            rows = [{name: (row.get(name) or "").strip() for name in COLUMNS} for row in table]
        seen: set[str] = set()
        for number, row in enumerate(rows, 2):
            if not NAME.fullmatch(row["id"]) or row["id"] in seen:
                fault = "a student a second time" if row["id"] in seen else "no student's id"
                raise StorytellerError(f"{self.roster_file}, line {number}, has {fault}: {row['id']!r}.")
            seen.add(row["id"])
        return [Student(**row) for row in rows]

    def submissions(self, lesson: str) -> list[Submission]:
        """What was handed in for a lesson, by student. Links are not followed; see `passed_over`."""
        submissions = []
        for place in _folders(self.submitted):
            if NAME.fullmatch(place.name) and any(folder.name == lesson for folder in _folders(place)):
                submissions.append(Submission.read(place.name, place / lesson))
        return submissions

    def passed_over(self) -> list[str]:
        """What lies in `submitted` and is no student's folder: a link, a file, a name that no student has."""
        if not self.submitted.is_dir():
            return []
        students = {path.name for path in _folders(self.submitted) if NAME.fullmatch(path.name)}
        rest = {path.name for path in self.submitted.iterdir()} - students
        return sorted(name for name in rest if not name.startswith((".", "_")))


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
            for part in ("source", "release", "submitted"):
                (made / part).mkdir(parents=True)
            for path in solutions:
                (made / "source" / path.stem).mkdir()
                shutil.copyfile(path, made / "source" / path.stem / path.name)
            for file, text in (
                ("README.md", README.format(name=name, systems=", ".join(titles()))),
                ("roster.csv", roster_text(SAMPLE)),
                (CONFIG, NBGRADER_CONFIG.format(name=name)),
            ):
                (made / file).write_text(text, encoding="utf-8", newline="\n")
            opened = os.open(made / "secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(opened, "w", encoding="ascii") as secret:
                secret.write(secrets.token_hex(32) + "\n")
            os.replace(made, folder)
    return Course.open(folder)


def roster_text(rows: Iterable[Sequence[str]]) -> str:
    """A roster.csv with these rows below the names of its columns."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([COLUMNS, *rows])
    return table.getvalue()


def nbgrader_time(when: datetime) -> str:
    """A moment as nbgrader writes it into timestamp.txt; `Course.submissions` reads it from there."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"


def parsed_time(text: str) -> datetime | None:
    """A moment as nbgrader writes it; None for any other text."""
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(text.strip()).replace(tzinfo=UTC) if text.strip() else None
    except (ValueError, OverflowError):  # what dateutil raises
        return None


def check_private(path: Path) -> None:
    """Raise a StorytellerError if others on this machine may read a file, or change it."""
    if os.name == "posix" and path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise StorytellerError(f"Others can read {path} (its mode is {mode:03o}): run chmod 600 {path}.")


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, links left out, in order."""
    if not place.is_dir() or place.is_symlink():
        return []
    with os.scandir(place) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
