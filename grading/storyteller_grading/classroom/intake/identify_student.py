"""Finds out whose a file is, from the name that an LMS, nbgrader's exchange or a person gave it.

    people = People(course.students())
    people.whose(claim("lovelaceada_LATE_1001_77_01_data_preparation-1.ipynb", "01_data_preparation"))

The names' forms were read in the LMSs' sources, not seen at a running one: Canvas's `lib/content_zipper.rb`, Moodle's
`mod/assign/classes/downloader.php`. The exchange's form is nbgrader 0.9's, which the tests run.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from storyteller_grading.classroom.course import Student, parsed_time

# lovelaceada_LATE_1001_77_notebook.ipynb: the name without a space, the user's id, the file's id.
CANVAS = re.compile(r"(?P<name>\w+?)(?P<late>_LATE)?_(?P<user>[0-9]+)_[0-9]+_(?P<file>.+)", re.DOTALL)
# `Ada Lovelace_123_assignsubmission_file/` or with `_notebook.ipynb` behind it; the number is of this assignment only.
MOODLE = re.compile(r"(?P<name>[^_/]+)_[0-9]+_assignsubmission_[a-z]+(?:_(?P<file>.+))?", re.DOTALL)
AGAIN = re.compile(r"(?:-| \()(?P<number>[0-9]{1,4})\)?$")  # what is added to a file handed in again: `-1`, ` (1)`


@dataclass(frozen=True)
class Claim:
    """What a file's name says of it."""

    names: tuple[str, ...]  # each may be a student's id, address or name; the first that fits counts
    user: str = ""  # the LMS's id of its user
    file: str = ""  # the name that the student gave the file
    late: bool = False
    submitted_at: datetime | None = None


def claim(path: str, lesson: str) -> Claim:
    """Read a path with `/` between its parts, relative to what is collected.

    >>> claim("lovelaceada_LATE_1001_77_toys-1.ipynb", "09_toys")
    Claim(names=('lovelaceada',), user='1001', file='toys-1.ipynb', late=True, submitted_at=None)
    >>> claim("Ada Lovelace_12_assignsubmission_file/toys.ipynb", "09_toys").names
    ('Ada Lovelace',)
    >>> claim("ada/09_toys/toys.ipynb", "09_toys").names
    ('ada',)
    >>> claim("ada_09_toys.ipynb", "09_toys").names
    ('ada_09_toys', 'ada')
    """
    *folders, file = PurePosixPath(path).parts or ("",)
    first = folders[0] if folders else file
    if found := MOODLE.fullmatch(first):
        return Claim((found["name"],), file=file if folders else found["file"] or file)
    if folders:  # below it the student chose the names
        return Claim((first,), file=file)
    if found := CANVAS.fullmatch(file):
        return Claim((found["name"],), found["user"], found["file"], bool(found["late"]))
    stem = attempt(file)[0]
    without = re.sub(rf"[ _.-]*{re.escape(lesson)}[ _.-]*", "", stem)
    return Claim((stem, *([without] if without not in ("", stem) else [])), file=file)


def exchange_claim(folder: str, lesson: str) -> Claim | None:
    """Read the name of a folder in the exchange, `STUDENT+LESSON+TIME`, perhaps with `+RANDOM`; None for another."""
    student, found, rest = folder.rpartition(f"+{lesson}+")
    when = parsed_time(rest.partition("+")[0])
    return Claim((student,), submitted_at=when) if found and student and when else None


def attempt(file: str) -> tuple[str, int]:
    """A file's name without its ending and without what was added when it was handed in again, and which time it was.

    >>> attempt("01_toys-2.ipynb"), attempt("01_toys (1).ipynb"), attempt("01_toys.ipynb")
    (('01_toys', 2), ('01_toys', 1), ('01_toys', 0))
    """
    stem = file.rpartition(".")[0] or file
    found = AGAIN.search(stem)
    return (stem[: found.start()], int(found["number"])) if found else (stem, 0)


class People:
    """The students of a roster, by all that they are called."""

    def __init__(self, students: Iterable[Student]) -> None:
        self._ids: set[str] = set()
        self._by_user: dict[str, list[Student]] = defaultdict(list)
        self._by_name: dict[str, dict[str, Student]] = defaultdict(dict)
        for one in students:
            self._ids.add(one.id)
            if one.lms_user_id:
                self._by_user[one.lms_user_id].append(one)
            both = (f"{one.first_name} {one.last_name}", f"{one.last_name} {one.first_name}")
            for name in (one.id, one.email, one.lms_user_id, *(both if one.first_name and one.last_name else ())):
                if key := plain(name):
                    self._by_name[key][one.id] = one

    def whose(self, said: Claim) -> tuple[str, str]:
        """A student's id and an empty text, or no id and why there is none.

        The LMS's id of its user decides where the roster has it: everybody may choose what they are called.
        """
        if said.user and (known := self._by_user.get(said.user)):
            return (known[0].id, "") if len(known) == 1 else ("", f"several students have the LMS's id {said.user}")
        for name in said.names:
            if name in self._ids and not said.user:
                return name, ""
            found = self._by_name.get(plain(name), {})
            if len(found) > 1:
                return "", f"{name!r} may be {' or '.join(sorted(found))}"
            for student in found.values():
                if said.user and student.lms_user_id and student.lms_user_id != said.user:
                    return "", f"{student.id} has the LMS's id {student.lms_user_id}, not {said.user}"
                return student.id, ""
        return "", "the roster has nobody of this name"


def plain(name: str) -> str:
    """A name without case, accents, spaces and signs, to compare with another.

    >>> plain("Zoë  O'Neill"), plain("ŁUKASZ")
    ('zoeoneill', 'łukasz')
    """
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(one for one in apart if one.isalnum())
