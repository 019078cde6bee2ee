"""The roster: a csv of the students, as spreadsheets save it, read whole or refused with the line that is at fault.

    students = read_roster(Path("moe-2026/roster.csv"))

Excel and LibreOffice write commas, semicolons or tabs, and UTF-8 or UTF-16; all of these can be told apart and are
read. What they write in the encoding of a single region (Latin-1, Windows-1250, ...) cannot: read as the wrong one,
every "Zoë" would become somebody else, so it is refused.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storyteller.errors import StorytellerError

COLUMNS = ("id", "first_name", "last_name", "email", "lms_user_id")  # nbgrader's own
STUDENT_ID = re.compile(r"[^\W_][\w.@ '+=~-]{0,99}")  # the name of a student's folder; `_unmatched` is none
NUMBER_OF_A_SPREADSHEET = re.compile(r"[0-9]+[.,][0-9]*E\+[0-9]+|[0-9]+\.0", re.IGNORECASE)  # 1.23E+09, 1001.0
SEPARATORS = (",", ";", "\t")
MAX_CELL_CHARS = 1000  # what is longer is no name but the rest of a file behind a quotation mark
WHITE = ' ,;\t"'  # of which a line with nothing in it is made
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx or .ods, .xls
WAY_OUT = "save it as a csv in UTF-8 (in Excel: CSV UTF-8)"


@dataclass(frozen=True)
class Student:
    """A line of the roster."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""


def read_roster(file: Path) -> list[Student]:
    """The students, in the file's order; lines with nothing in them are passed over.

    Raises:
        StorytellerError: it cannot be read, is no csv in UTF-8 or UTF-16, or has a line of which it is not certain what
            it says: a quotation mark that is not closed, more cells than columns, no id, one that is there already,
            or another's lms_user_id.
    """
    try:
        text = decoded(file, file.read_bytes())
    except OSError as error:
        raise StorytellerError(f"{file} cannot be read ({error.strerror}): see to it that you may.") from None
    lines = numbered_rows(file, text)
    _, head = next(lines, (1, []))
    columns = [name.strip().casefold() for name in head]
    if repeated := sorted({name for name in columns if name in COLUMNS and columns.count(name) > 1}):
        raise StorytellerError(f"{file} has the column `{repeated[0]}` more than once; leave one of them.")
    if "id" not in columns:
        found = ", ".join(head)[: MAX_CELL_CHARS // 10] or "nothing"
        raise StorytellerError(
            f"{file} has no column `id`: its first line is {found!r}, and the columns' names belong there, "
            f"{', '.join(COLUMNS)}."
        )
    students: dict[str, Student] = {}  # by an id of which the same letters are the same characters
    users: dict[str, str] = {}  # of the LMS, and whose id each has
    for number, cells in lines:
        where = f"{file}, line {number},"
        if any(cells[len(columns) :]):
            raise StorytellerError(
                f"{where} has {len(cells)} cells, and there are {len(columns)} columns: put a name with "
                'a comma into quotation marks, "Lovelace, Ada".'
            )
        row = {name: cell for name, cell in zip(columns, cells, strict=False) if name in COLUMNS}
        for name in ("id", "lms_user_id"):
            if NUMBER_OF_A_SPREADSHEET.fullmatch(row.get(name, "")):
                raise StorytellerError(
                    f"{where} has {row[name]!r} as `{name}`, which a spreadsheet made of a number: write all of its "
                    "digits and no more, in a column formatted as text."
                )
        student = Student(**row) if row.get("id") else Student("")
        key = unicodedata.normalize("NFC", student.id)
        if not is_student_id(student.id) or key in students:
            fault = "a student a second time" if key in students else "no student's id"
            raise StorytellerError(f"{where} has {fault}: {student.id!r}.")
        if student.lms_user_id in users:
            raise StorytellerError(
                f"{where} gives {student.id!r} the lms_user_id {student.lms_user_id!r} of "
                f"{users[student.lms_user_id]!r}: one of them would get the other's work and grade."
            )
        students[key] = student
        if student.lms_user_id:
            users[student.lms_user_id] = student.id
    return list(students.values())


def decoded(file: Path, content: bytes) -> str:
    """The text of a csv in UTF-8, or in UTF-16 as Excel's "Unicode text" is.

    Raises:
        StorytellerError: it is in neither; the first line that is not is named.
    """
    if content.startswith(WORKBOOKS):
        raise StorytellerError(f"{file} is a workbook and no csv, whatever its name says: {WAY_OUT}.")
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in content[:2]:  # UTF-16 without a mark: a zero stands before or behind each Latin letter
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        number = content[: error.start].decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        raise StorytellerError(
            f"{file}, line {number}, cannot be read, for its byte {content[error.start]:#04x} is no UTF-8: {WAY_OUT}."
        ) from None


def numbered_rows(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that have anything in them, each with its line's number, their cells without space around them.

    Raises:
        StorytellerError: a quotation mark is not closed in its line, or a cell has a control character.
    """
    head = next((line for line in text.splitlines() if line.strip(WHITE)), "")
    separator = max(SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            if reader.line_num > number:  # a csv may have such cells, and no student has such a name
                raise csv.Error("a line's end within quotation marks")
            if max(map(len, cells), default=0) > MAX_CELL_CHARS:
                raise csv.Error(f"a cell of more than {MAX_CELL_CHARS:,} characters")
            if any(unicodedata.category(character) == "Cc" for cell in cells for character in cell.strip()):
                raise StorytellerError(f"{file}, line {number}, has a control character in it: take it out.")
            row = [cell.strip() for cell in cells]
            if any(row):
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        raise StorytellerError(
            f"{file}, line {number}, has a quotation mark that is not closed, or not followed by the next cell "
            f"({error}): mend that line."
        ) from None


def is_student_id(name: str) -> bool:
    """May a student's folder be called this? Letters of all scripts count, also those that combine.

    >>> is_student_id("ada"), is_student_id("สมชาย"), is_student_id("Jose\\u0301"), is_student_id("_unmatched")
    (True, True, True, False)
    """
    marks = {character for character in name if unicodedata.category(character).startswith("M")}
    return STUDENT_ID.fullmatch(name[:1] + name[1:].translate({ord(mark): "x" for mark in marks})) is not None


def roster_text(rows: Iterable[Sequence[str]]) -> str:
    """A roster.csv with these rows below the names of its columns."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([COLUMNS, *rows])
    return table.getvalue()
