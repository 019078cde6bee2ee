"""The folder of a course: nbgrader's own layout, and two files of ours beside it.

    course = Course.open(Path("moe-2026"))
    for submission in course.submissions("01_data_preparation"):
        print(submission.student, submission.notebook)

What stands in `submitted/` comes from students: names are looked at and links are never followed.
"""

import csv
import io
import os
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import writing

CONFIG = "nbgrader_config.py"
COLUMNS = ("id", "first_name", "last_name", "email", "lms_user_id")  # of roster.csv, nbgrader's own
NAME = re.compile(r"[^\W_][\w.@ '+=~-]{0,99}")  # of a student's folder; `_unmatched` is none
SECRET = re.compile(r"[0-9a-f]{64}")


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
        found = []
        for student in _folders(self.submitted):
            if NAME.fullmatch(student.name) and any(one.name == lesson for one in _folders(student)):
                found.append(_submission(student.name, student / lesson))
        return found

    def passed_over(self) -> list[str]:
        """What lies in `submitted` and is no student's folder: a link, a file, a name that no student has."""
        if not self.submitted.is_dir():
            return []
        students = {path.name for path in _folders(self.submitted) if NAME.fullmatch(path.name)}
        rest = {path.name for path in self.submitted.iterdir()} - students
        return sorted(name for name in rest if not name.startswith((".", "_")))


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


def _submission(student: str, folder: Path) -> Submission:
    """The notebook of a student's folder; where there are several, the one with the lesson's name."""
    wanted = folder / f"{folder.name}.ipynb"
    others = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".ipynb" and path != wanted)
    chosen, notes = wanted, []
    if os.path.lexists(wanted):
        if others:
            notes.append(f"{len(others) + 1} notebooks: the one named like the lesson was taken.")
    elif others:
        chosen = others[0]
        which = "it was taken" if len(others) == 1 else f"the first of {len(others)} was taken"
        notes.append(f"No notebook is named {wanted.name}; {which}: {chosen.name[:100]!r}.")
    when, note = _timestamp(folder / "timestamp.txt")
    return Submission(student, chosen, when, (*notes, *note))


def _timestamp(path: Path) -> tuple[datetime | None, tuple[str, ...]]:
    """When it was handed in, from the file that nbgrader's collect writes."""
    if not path.is_file() or path.is_symlink():
        return None, ()
    with open(path, encoding="utf-8", errors="replace") as file:
        when = parsed_time(file.read(100))
    return when, () if when else ("timestamp.txt holds no time, so it counts as handed in on time.",)
