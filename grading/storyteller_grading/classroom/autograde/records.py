"""The result of every grading: one SQLite file beside nbgrader's gradebook, for all that nbgrader has no place for.

A record is written in one transaction, so that whoever is killed leaves it there whole or not at all. Nothing is ever
overwritten: grading again adds a record, and the latest counts.

Beside them lies the log of changes: who regraded whose work, or overruled which points, and why.

Of two records `changes` says, case by case, what grading a submission again has changed.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.grade_task import TaskOutcome
from storyteller_grading.classroom.course import check_private
from storyteller_grading.classroom.wording import agreeing

TIMEOUT_S = 10.0  # for another program to let go of the file
TABLE = """
create table if not exists grading (
    id integer primary key,
    lesson text not null,
    student text not null,
    sha256 text not null,
    key text not null,
    status text not null,
    data text not null,
    page text not null,
    answers text not null,
    written text not null,
    seconds real not null,
    failure text not null,
    submitted_at text,
    graded_at text not null,
    booked integer not null default 0,
    seeds text not null default '[]'
)"""
INDEX = "create index if not exists by_student on grading (lesson, student, id)"
SEEDS = "alter table grading add column seeds text not null default '[]'"  # in a file of before there were any
CHANGES = """
create table if not exists change (
    id integer primary key,
    at text not null,
    who text not null,
    student text not null,
    lesson text not null,
    quote text not null,
    what text not null,
    before text not null,
    after text not null,
    why text not null
)"""
COLUMNS = "id, lesson, student, sha256, key, status, data, page, answers, written, seeds, seconds, failure"
ALL = f"select {COLUMNS}, submitted_at, graded_at, booked from grading"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What somebody asked for or decided after the grading."""

    at: str  # in UTC, as ISO 8601 has it
    who: str
    student: str
    lesson: str
    quote: str = ""  # the text that the student quoted
    what: str  # such as "graded again"
    before: str
    after: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Record(TaskOutcome):
    """An outcome with its times."""

    id: int  # later records have higher ones
    submitted_at: datetime | None  # UTC
    graded_at: datetime  # UTC
    booked: bool  # is it in nbgrader's gradebook

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> "Record":
        """The record that `ALL` selects."""
        names = [*COLUMNS.split(", "), "submitted_at", "graded_at", "booked"]
        values = dict(zip(names, row, strict=True))
        for name in ("data", "answers", "written", "seeds"):
            values[name] = json.loads(values[name])
        for name in ("submitted_at", "graded_at"):
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        return cls(**values | {"booked": bool(values["booked"])})


class Records:
    """The records of a course.

    Args:
        path: the file; made with mode 0600 where it is missing.

    Raises:
        StorytellerError: others can read it, it is locked or damaged, or the disk is full; in every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_private(path)
        with self._plainly():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # SQLite would let others read it
            self.connection = sqlite3.connect(path, timeout=TIMEOUT_S, isolation_level=None)
            try:
                self._make_tables()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make_tables(self) -> None:
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = full")
        self.connection.execute(TABLE)
        self.connection.execute(INDEX)
        self.connection.execute(CHANGES)
        if not self._has_seeds():
            self.connection.execute("begin immediate")  # another may be at it
            if not self._has_seeds():
                self.connection.execute(SEEDS)
            self.connection.execute("commit")

    def _has_seeds(self) -> bool:
        return "seeds" in [row[1] for row in self.connection.execute("pragma table_info(grading)")]

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def put(self, outcome: TaskOutcome, submitted_at: datetime | None, graded_at: datetime | None = None) -> int:
        """Add a record; when this returns it is on the disk. Returns its number."""
        values = [
            *(outcome.lesson, outcome.student, outcome.sha256, outcome.key, outcome.status, _text(outcome.data)),
            *(outcome.page, _text(outcome.answers), _text(outcome.written), _text(outcome.seeds)),
            *(outcome.seconds, outcome.failure),
            *(_moment(submitted_at), _moment(graded_at or datetime.now(UTC))),
        ]
        marks = ", ".join("?" * len(values))
        names = f"{COLUMNS.removeprefix('id, ')}, submitted_at, graded_at"
        with self._plainly():
            done = self.connection.execute(f"insert into grading ({names}) values ({marks})", values)
        return done.lastrowid or 0

    def latest(self, lesson: str, student: str) -> Record | None:
        """The last record of a student's, failures of the grader passed over where there is another."""
        records = self.history(lesson, student)
        counting = [record for record in records if record.status != "failed"] or records
        return counting[-1] if counting else None

    def all_latest(self, lesson: str) -> list[Record]:
        """The last record of each student, by student."""
        with self._plainly():
            names = self.connection.execute(
                "select distinct student from grading where lesson = ? order by student", [lesson]
            ).fetchall()
        records = (self.latest(lesson, name) for (name,) in names)
        return [record for record in records if record is not None]

    def lessons(self) -> list[str]:
        """The lessons of which anything was graded, in order."""
        with self._plainly():
            rows = self.connection.execute("select distinct lesson from grading order by lesson").fetchall()
        return [name for (name,) in rows]

    def history(self, lesson: str, student: str) -> list[Record]:
        """All records of a student's, the oldest first."""
        with self._plainly():
            query = f"{ALL} where lesson = ? and student = ? order by id"
            return [Record.from_row(row) for row in self.connection.execute(query, [lesson, student]).fetchall()]

    def done(self, lesson: str, student: str, sha256: str, key: str = "") -> bool:
        """Has the grader done its work on this notebook? With a `key`, also: for this lesson, secret and draws."""
        last = self.latest(lesson, student)
        return bool(last and last.status != "failed" and last.sha256 == sha256 and (not key or last.key == key))

    def book(self, record: Record) -> None:
        """Note that nbgrader's gradebook has this record."""
        with self._plainly():
            self.connection.execute("update grading set booked = 1 where id = ?", [record.id])

    def hand_in(self, record: Record, submitted_at: datetime | None) -> None:
        """Note that the very notebook of a record was handed in at another time."""
        with self._plainly():
            self.connection.execute(
                "update grading set submitted_at = ? where id = ?", [_moment(submitted_at), record.id]
            )

    def note_change(self, change: Change) -> None:
        """Add to the log of changes; nothing is ever taken out of it."""
        values = asdict(change)
        query = f"insert into change ({', '.join(values)}) values ({', '.join('?' * len(values))})"
        with self._plainly():
            self.connection.execute(query, list(values.values()))

    def all_changes(self) -> list[Change]:
        """The log of changes, the oldest first."""
        names = [one.name for one in fields(Change)]
        with self._plainly():
            rows = self.connection.execute(f"select {', '.join(names)} from change order by id").fetchall()
        return [Change(**dict(zip(names, row, strict=True))) for row in rows]

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """What goes wrong with the file, in a sentence."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorytellerError(
                f"{self.path} cannot be used ({error}). Close other programs that have it open, and see that the disk "
                "has room; everything graded so far is kept, and the same command goes on from there."
            ) from error


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)  # lone surrogates of a student's text too


def _moment(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat() if when else None


def changes(before: TaskOutcome | None, after: TaskOutcome) -> Iterator[str]:
    """Sentences: the points before and after, then every case whose verdict or reason is another."""
    points = f"{after.data['earned']} of {after.data['points']} points"
    if before is None or not before.data:
        yield f"{after.lesson}: {points}, graded for the first time."
        return
    if before.sha256 != after.sha256:
        yield f"{after.lesson}: the notebook is another than the one that was graded before."
    was, now = _cases(before), _cases(after)
    differing = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    was_extra, extra = before.data["extra"], after.data["extra"]
    more = f", bonus {was_extra} -> {extra}" if was_extra != extra else ""
    cases = agreeing(len(now), f"{len(differing)} of {len(now)} case[|s]")
    yield f"{after.lesson}: {before.data['earned']} -> {points}{more}; {cases} changed."
    for key in differing:
        yield f"  {': '.join(key)}: {_result(was.get(key))} -> {_result(now.get(key))}"
    if before.data["fault"] != after.data["fault"]:
        yield f"  the notebook: {before.data['fault'] or 'was read'} -> {after.data['fault'] or 'was read'}"


def _cases(outcome: TaskOutcome) -> dict[tuple[str, str], tuple[int, int, str]]:
    """By exercise and title: points earned, points, and what is wrong."""
    return {
        (exercise["name"], case["title"]): (case["earned"], case["points"], case["mistake"] or case["kind"])
        for exercise in outcome.data["exercises"]
        for case in exercise["cases"]
    }


def _result(case: tuple[int, int, str] | None) -> str:
    if case is None:
        return "not there"
    earned, points, why = case
    return f"{earned}/{points}{f' ({why})' if why else ''}"
