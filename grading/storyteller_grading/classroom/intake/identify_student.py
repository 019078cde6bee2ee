"""Finds out whose a file is, from the name that an LMS, nbgrader's exchange or a person gave it.

    people = People(course.students())
    people.identify(read_claim("lovelaceada_LATE_1001_77_01_data_preparation-1.ipynb", "01_data_preparation"))

What an LMS's names are like stands in `lms`, one file a system. The exchange's form is nbgrader 0.9's.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from storyteller_grading.classroom.course import Student, parsed_time
from storyteller_grading.classroom.lms.registry import SYSTEMS
from storyteller_grading.classroom.lms.system import Claim

REPEATED = re.compile(r"(?:-| \()(?P<number>[0-9]{1,4})\)?$")  # what is added to a file handed in again: `-1`, ` (1)`


def read_claim(path: str, lesson: str) -> Claim:
    """Read a path with `/` between its parts, relative to what is collected.

    >>> read_claim("lovelaceada_LATE_1001_77_toys-1.ipynb", "09_toys")
    Claim(names=('lovelaceada',), user='1001', file='toys-1.ipynb', late=True, submitted_at=None)
    >>> read_claim("Ada Lovelace_12_assignsubmission_file/toys.ipynb", "09_toys").names
    ('Ada Lovelace',)
    >>> read_claim("ada/09_toys/toys.ipynb", "09_toys").names
    ('ada',)
    >>> read_claim("ada_09_toys.ipynb", "09_toys").names
    ('ada_09_toys', 'ada')
    """
    *folders, file = PurePosixPath(path).parts or ("",)
    for system in SYSTEMS.values():
        if system.read_path and (claim := system.read_path(folders, file)):
            return claim
    if folders:  # below it the student chose the names
        return Claim((folders[0],), file=file)
    stem = split_attempt(file)[0]
    without = re.sub(rf"[ _.-]*{re.escape(lesson)}[ _.-]*", "", stem)
    return Claim((stem, *([without] if without not in ("", stem) else [])), file=file)


def exchange_claim(folder: str, lesson: str) -> Claim | None:
    """Read the name of a folder in the exchange, `STUDENT+LESSON+TIME`, perhaps with `+RANDOM`; None for another."""
    student, separator, rest = folder.rpartition(f"+{lesson}+")
    when = parsed_time(rest.partition("+")[0])
    return Claim((student,), submitted_at=when) if separator and student and when else None


def split_attempt(file: str) -> tuple[str, int]:
    """A file's name without its ending and without what was added when it was handed in again, and which time it was.

    >>> split_attempt("01_toys-2.ipynb"), split_attempt("01_toys (1).ipynb"), split_attempt("01_toys.ipynb")
    (('01_toys', 2), ('01_toys', 1), ('01_toys', 0))
    """
    stem = file.rpartition(".")[0] or file
    match = REPEATED.search(stem)
    return (stem[: match.start()], int(match["number"])) if match else (stem, 0)


class People:
    """The students of a roster, by all that they are called."""

    def __init__(self, students: Iterable[Student]) -> None:
        self._ids: set[str] = set()
        self._by_user: dict[str, list[Student]] = defaultdict(list)
        self._by_name: dict[str, dict[str, Student]] = defaultdict(dict)
        for student in students:
            first, last = student.first_name, student.last_name
            self._ids.add(student.id)
            if student.lms_user_id:
                self._by_user[student.lms_user_id].append(student)
            whole_names = (f"{first} {last}", f"{last} {first}") if first and last else ()
            for name in (student.id, student.email, student.lms_user_id, *whole_names):
                if key := match_key(name):
                    self._by_name[key][student.id] = student

    def identify(self, claim: Claim) -> tuple[str, str]:
        """A student's id and an empty text, or no id and why there is none.

        The LMS's id of its user decides where the roster has it: everybody may choose what they are called.
        """
        if claim.user and (known := self._by_user.get(claim.user)):
            return (known[0].id, "") if len(known) == 1 else ("", f"several students have the LMS's id {claim.user}")
        for name in claim.names:
            if name in self._ids and not claim.user:
                return name, ""
            candidates = self._by_name.get(match_key(name), {})
            if len(candidates) > 1:
                return "", f"{name!r} may be {' or '.join(sorted(candidates))}"
            for student in candidates.values():
                if claim.user and student.lms_user_id and student.lms_user_id != claim.user:
                    return "", f"{student.id} has the LMS's id {student.lms_user_id}, not {claim.user}"
                return student.id, ""
        return "", "the roster has nobody of this name"


def match_key(name: str) -> str:
    """A name without case, accents, spaces and signs, to compare with another.

    >>> match_key("Zoë  O'Neill"), match_key("ŁUKASZ")
    ('zoeoneill', 'łukasz')
    """
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in apart if character.isalnum())
