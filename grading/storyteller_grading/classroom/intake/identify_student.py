"""Finds out whose a file is, from the name that an LMS, nbgrader's exchange or a person gave it.

    people = People(course.students())
    people.identify(read_claim("lovelaceada_LATE_1001_77_01_data_preparation-1.ipynb", "01_data_preparation"))

What an LMS's names are like stands in `lms`, one file a system. The exchange's form is nbgrader 0.9's.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import tzinfo
from pathlib import PurePosixPath

from storyteller_grading.classroom.course import parsed_time
from storyteller_grading.classroom.lms.registry import SYSTEMS
from storyteller_grading.classroom.lms.system import Claim
from storyteller_grading.classroom.roster import Student

# What is added to a file handed in again, `-1` or ` (1)`, and by Jupyter to a copy, `-Copy1`.
REPEATED = re.compile(r"(?:-(?:Copy)?| ?\()(?P<number>[0-9]{1,4})\)?$")
ENDING = ".ipynb"
ACCENTS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)  # of any letter


def read_claim(path: str, lesson: str) -> Claim:
    """Read a path with `/` between its parts, relative to what is collected.

    >>> read_claim("lovelaceada_LATE_1001_77_toys-1.ipynb", "09_toys")
    Claim(names=('lovelaceada',), user='1001', number='', file='toys-1.ipynb', late=True, ...)
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
            # A file that is named like the lesson ends all doubt about where its name begins.
            named = [one for one in (claim, *claim.also) if split_attempt(one.file)[0].casefold() == lesson.casefold()]
            return replace(named[0], also=()) if claim.also and len(named) == 1 else claim
    if folders:  # below it the student chose the names
        return Claim((folders[0],), file=file)
    stem = split_attempt(file)[0]
    without = re.sub(rf"[ _.-]*{re.escape(lesson)}[ _.-]*", "", stem)
    return Claim((stem, *([without] if without not in ("", stem) else [])), file=file)


def exchange_claim(folder: str, lesson: str, zone: tzinfo | None = None) -> Claim | None:
    """Read the name of a folder in the exchange, `STUDENT+LESSON+TIME`, perhaps with `+RANDOM`; None for another.

    >>> exchange_claim("ada+09_toys+2026-10-02 08:15:00 +0200+x1", "09_toys").submitted_at
    datetime.datetime(2026, 10, 2, 6, 15, tzinfo=datetime.timezone.utc)
    """
    student, separator, rest = folder.rpartition(f"+{lesson}+")
    if not separator or not student:
        return None
    # A `+` is in some zones too, and RANDOM may be left out: the longest beginning that is a time is one.
    beginnings = ["+".join(rest.split("+")[:count]) for count in (2, 1)]
    when = next(filter(None, (parsed_time(text, zone) for text in beginnings)), None)
    return Claim((student,), submitted_at=when, untimed="" if when else rest or "nothing")


def split_attempt(file: str) -> tuple[str, int]:
    """A file's name without its ending and without what was added when it was handed in again, and which time it was.

    >>> split_attempt("01_toys-2.ipynb"), split_attempt("01_toys (1).ipynb.txt"), split_attempt("01_toys.ipynb")
    (('01_toys', 2), ('01_toys', 1), ('01_toys', 0))
    """
    stem, number = file.rpartition(".")[0] or file, 0
    if match := REPEATED.search(stem):
        stem, number = stem[: match.start()], int(match["number"])
    if stem.casefold().endswith(ENDING) and stem != file:  # a browser has added another ending
        stem, inner = split_attempt(stem)
        return stem, number or inner
    return stem, number


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
            whole_names = (f"{first} {last}", f"{last} {first}") if first and last else (first, last)
            for name in (student.id, student.email, student.lms_user_id, *whole_names):
                if key := match_key(name):
                    self._by_name[key][student.id] = student

    def identify(self, claim: Claim) -> tuple[str, str]:
        """A student's id and an empty text, or no id and why there is none.

        The LMS's id of its user decides where the roster has it: everybody may choose what they are called. Where a
        name can be read in several ways, all must lead to the same student.
        """
        # A reading without a name is one that the LMS does not write by itself; the roster's ids alone speak for it.
        readings = [claim, *(one for one in claim.also if one.names or one.user in self._by_user)]
        found = {one: self._identify(one) for one in readings}
        if len({student for student, _ in found.values()}) > 1:
            whose = (f"{student or 'somebody else'} ({one.user})" for one, (student, _) in found.items())
            return "", f"its name can be read in several ways, as of {' or '.join(whose)}"
        return found[claim]

    def _identify(self, claim: Claim) -> tuple[str, str]:
        """Whose it is by one reading of its name."""
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
    """A name without case, accents, spaces and signs, to compare with another. The vowels of Hindi and Thai stay.

    >>> match_key("Zoë  O'Neill"), match_key("ŁUKASZ"), match_key("सीता") == match_key("सुता")
    ('zoeoneill', 'łukasz', False)
    """
    apart = unicodedata.normalize("NFKD", name.casefold())
    letters = (
        character
        for character in apart
        if character.isalnum() or (unicodedata.category(character) in ("Mn", "Mc") and not ACCENTS.match(character))
    )
    return unicodedata.normalize("NFC", "".join(letters))
