"""The folder of a course: nbgrader's own layout, and two files of ours beside it.

    course = make_course(Path("moe-2026"), solutions)  # a new one; plain nbgrader commands work in it too
    course = Course.open(Path("moe-2026"))
    for submission in course.submissions("01_data_preparation"):
        print(submission.student, submission.notebook)

What stands in `submitted/` comes from students: names are looked at and links are never followed.

One process at a time writes into it, the one that holds `course_lock`; the lock goes with the process, however it ends.
"""

import codecs
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO

from storyteller.errors import StorytellerError
from storyteller.tracking.store import database_uri
from storyteller.utils.atomic_io import read_json, writing
from storyteller_grading.classroom.lms.registry import titles
from storyteller_grading.classroom.roster import Student, is_student_id, read_roster, roster_text
from storyteller_grading.judge.notebooks import Unreadable, contents

CONFIG = "nbgrader_config.py"
UNMATCHED, NOT_TAKEN = "_unmatched", "_not_taken"  # in `submitted`: nobody's notebooks, and what was not taken of whom
CAME_AS = "_came_as"  # likewise: what each notebook was called where it came from
LOCK = ".autograde.lock"
# nbgrader's form of a moment, `2026-10-02 08:15:00.000000 UTC`; a number may stand for the zone, as `%z` writes it.
TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[ T](?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?) ?"
    r"(?P<zone>[A-Z]{1,5}|[+-][0-9]{2}:?[0-9]{2})"
)
MAX_TIME_BYTES = 200  # of timestamp.txt
UNTIMED = (
    "timestamp.txt holds no time such as 2026-10-02 08:15:00 UTC, so it is not known when this was handed in. It "
    "counts as on time until your teacher has mended that."
)
SECRET = re.compile(r"[0-9a-f]{64}")
# What no page or table is written over or into, and nothing is collected from.
OWN = {
    *(CONFIG, "roster.csv", "extensions.csv", "secret", "lms.toml", "gradebook.db", "records.db", "README.md"),
    *("plan.json", "source", "submitted", "release", "autograded", "bundles", "feedback", LOCK),
}
COURSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")  # nbgrader makes a folder of it in the exchange
SAMPLE = (
    ("ada", "Ada", "Lovelace", "ada@example.org", "1001"),
    ("alan", "Alan", "Turing", "alan@example.org", "1002"),
)
NBGRADER_CONFIG = '''\
"""nbgrader's configuration for this course; the lessons' own settings come from storyteller_grading."""

from pathlib import Path

from storyteller_grading.builder.nbgrader_release import configure
from storyteller_grading.classroom.course import Course

c = get_config()
configure(c)
c.CourseDirectory.course_id = "{name}"
c.CourseDirectory.db_url = Course(Path(__file__).parent.absolute()).gradebook_url

# Late work is marked as late. So many points come off for each day begun after the due date; 0 takes nothing off.
c.AssignLatePenalties.plugin_class = "storyteller_grading.classroom.late_penalty.LatePerDay"
c.LatePerDay.points = 0
c.LatePerDay.most = 100
c.LatePerDay.grace_minutes = 0
'''
README = """\
# {name}

| | |
| --- | --- |
| `roster.csv` | your students; two samples stand in it, replace them |
| `extensions.csv` | who has more time; `storyteller-grade extend` writes it |
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
| `storyteller-grade written 01` | a page on which you grade the written answers |
| `storyteller-grade feedback 01`, `storyteller-grade report` | pages for students, and about the class |
| `storyteller-grade export` | the grades for {systems} or a spreadsheet |
"""


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one lesson."""

    student: str
    notebook: Path  # may be missing, a link or anything else
    submitted_at: datetime | None = None  # in UTC
    notes: tuple[str, ...] = ()  # for the instructor: what was strange about the folder
    untimed: str = ""  # what timestamp.txt holds where that is no time
    fault: str = ""  # why the folder could not be read

    @classmethod
    def read_any(cls, student: str, folder: Path) -> "Submission":
        """What lies in a student's folder; whatever goes wrong while it is read is that student's fault and no more."""
        try:
            return cls.read(student, folder)
        except Exception as error:  # noqa: BLE001  what one student handed in must not stop the class
            fault = f"The folder {folder.name} could not be read ({type(error).__name__}: {str(error)[:200]})."
            return cls(student, folder / f"{folder.name}.ipynb", fault=fault)

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
        submitted_at, untimed, timestamp = None, "", folder / "timestamp.txt"
        if os.path.lexists(timestamp):
            try:
                text = time_text(contents(timestamp, largest=MAX_TIME_BYTES))
                submitted_at, untimed = parsed_time(text), text or "nothing"
            except Unreadable as error:
                untimed = str(error)
        if submitted_at or not untimed:
            return cls(student, notebook, submitted_at, tuple(notes))
        return cls(student, notebook, None, (UNTIMED, *notes), untimed)


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
    def extensions_file(self) -> Path:
        """Who has more time: see `classroom.lateness`."""
        return self.folder / "extensions.csv"

    @property
    def records_file(self) -> Path:
        """What came of each grading; nbgrader has no place for it."""
        return self.folder / "records.db"

    @property
    def gradebook_url(self) -> str:
        """Of nbgrader's gradebook, as SQLAlchemy has it."""
        return database_uri(self.folder / "gradebook.db")

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

    def check_output(self, file: Path) -> Path:
        """The file, which may be written: nothing of the course is lost by it.

        Raises:
            StorytellerError: it is one of the course's own files, which are made by hand or by other commands.
        """
        if file.is_dir() or self.is_own(file):
            kind = "a folder" if file.is_dir() else "the course's own"
            raise StorytellerError(f"{file} is {kind}, and nothing is written over it: name another file.")
        return file

    def is_own(self, path: Path) -> bool:
        """Is it the course's folder, or something in it that is made by hand or that commands keep there?"""
        place, home = path.resolve(), self.folder.resolve()
        return place == home or (place.is_relative_to(home) and place.relative_to(home).parts[0] in OWN)

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
            StorytellerError: it cannot be read with certainty; the message names the line.
        """
        return read_roster(self.roster_file) if self.roster_file.exists() else []

    def submissions(self, lesson: str) -> list[Submission]:
        """What was handed in for a lesson, by student. Links are not followed; see `passed_over`."""
        submissions = []
        for place in _folders(self.submitted):
            if is_student_id(place.name) and any(folder.name == lesson for folder in _folders(place)):
                submissions.append(Submission.read_any(place.name, place / lesson))
        return submissions

    def unmatched(self, lesson: str) -> list[Path]:
        """The notebooks of a lesson of which `collect` does not know whose they are."""
        return sorted((self.submitted / UNMATCHED).glob(f"{lesson}-*.ipynb"))

    def not_taken_file(self, lesson: str) -> Path:
        """In which `collect` notes whose work of a lesson it did not take, and why."""
        return self.submitted / NOT_TAKEN / f"{lesson}.json"

    def not_taken(self, lesson: str) -> dict[str, str]:
        """By student, why `collect` did not take what was handed in for a lesson.

        Raises:
            StorytellerError: the note is damaged.
        """
        return _texts_by_student(self.not_taken_file(lesson), "reasons")

    def came_as_file(self, lesson: str) -> Path:
        """In which `collect` notes what the notebooks of a lesson were called where they came from."""
        return self.submitted / CAME_AS / f"{lesson}.json"

    def came_as(self, lesson: str) -> dict[str, str]:
        """By student, the path of the notebook in the zip of an LMS that it came from.

        Raises:
            StorytellerError: the note is damaged.
        """
        return _texts_by_student(self.came_as_file(lesson), "paths")

    def passed_over(self) -> list[str]:
        """What lies in `submitted` and is no student's folder: a link, a file, a name that no student has."""
        if not self.submitted.is_dir():
            return []
        students = {path.name for path in _folders(self.submitted) if is_student_id(path.name)}
        rest = {path.name for path in self.submitted.iterdir()} - students
        return sorted(name for name in rest if not name.startswith((".", "_")))


def _texts_by_student(file: Path, what: str) -> dict[str, str]:
    """What `collect` has noted; nothing where there is no note."""
    way_out = "delete it, and collect again"
    noted = read_json(file, way_out=way_out) if file.exists() else {}
    if type(noted) is not dict or not all(type(text) is str for text in noted.values()):
        raise StorytellerError(f"{file} holds no {what} by student; {way_out}.")
    return noted


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


def nbgrader_time(when: datetime) -> str:
    """A moment as nbgrader writes it into timestamp.txt; `Course.submissions` reads it from there."""
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'microseconds')} UTC"


def time_text(content: bytes) -> str:
    """What stands in a timestamp.txt, which may be in UTF-16: PowerShell's `>` writes that."""
    mark = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if mark else "utf-8-sig", errors="replace").strip()


def parsed_time(text: str, zone: tzinfo | None = None) -> datetime | None:
    """A moment in nbgrader's form, exactly; None for any other text, for a guess would make late work timely.

    Args:
        text: such as `2026-10-02 08:15:00.000000 UTC`.
        zone: in which it was written. Without it, no name of a zone but UTC is known: EST is one in New York and one in
            Sydney.

    >>> parsed_time("2026-10-02 08:15:00 -0400")
    datetime.datetime(2026, 10, 2, 12, 15, tzinfo=datetime.timezone.utc)
    >>> parsed_time("03.10.2026 08:15"), parsed_time("2026-10-02 08:15:00 EDT")
    (None, None)
    """
    if not (match := TIME.fullmatch(text.strip())):
        return None
    name, local = match["zone"], f"{match['day']} {match['clock']}"
    try:
        if name in ("UTC", "GMT", "Z"):
            return datetime.fromisoformat(f"{local}+00:00").astimezone(UTC)
        if name[0] in "+-":
            return datetime.fromisoformat(f"{local}{name}").astimezone(UTC)
        # An hour that the clock shows twice a year has its zone's name once as summer time and once as winter time.
        moments = [datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold) for fold in (0, 1)] if zone else []
        return next((moment.astimezone(UTC) for moment in moments if moment.tzname() == name), None)
    except (ValueError, ArithmeticError):  # no such day, hour or distance from UTC; before the first year
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


@contextmanager
def course_lock(course: Course) -> Iterator[None]:
    """Hold the course's lock.

    Raises:
        StorytellerError: another process holds it.
    """
    with open(course.folder / LOCK, "a", encoding="utf-8") as file:
        try:
            _lock(file)
        except OSError:
            raise StorytellerError(
                f"Another storyteller-grade is grading or collecting in {course.folder}; wait until it is done, or "
                "end it."
            ) from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
