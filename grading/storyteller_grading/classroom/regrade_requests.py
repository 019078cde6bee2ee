"""Regrade requests: a student's page has a text to quote for each failed case, and what came of it is logged.

    01_data_preparation/count_pairs/ties/3f9ac210b7     # lesson, exercise, case, digest

The digest belongs to one student's one hand-in and is made with the course's secret, so a quoted text says which case
of whose notebook is meant, and nobody can make one up. `storyteller-grade regrade` takes it; the log is in records.db.
"""

import csv
import hashlib
import hmac
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_course.report import card
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.records import Change, Record, Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.grades_csv import harmless

DIGEST_CHARS = 10  # of 64; a wrong one among 200 students is a chance of 1 in 5 billion
COLUMNS = ["at", "who", "student", "lesson", "quote", "what", "before", "after", "why"]


@dataclass(frozen=True)
class Request:
    """What a quoted text means."""

    quote: str
    record: Record  # the grading that the student's page shows
    exercise: str
    case: dict[str, Any]  # as the record has it
    newer: bool  # has the student handed in another notebook since


def digest_of(secret: str, record: Record) -> str:
    """The digest of one student's one hand-in."""
    about = f"regrade\0{record.student}\0{record.lesson}\0{record.sha256}"
    return hmac.new(secret.encode(), about.encode(), hashlib.sha256).hexdigest()[:DIGEST_CHARS]


def failed_cases(record: Record) -> Iterator[tuple[str, dict[str, Any]]]:
    """The exercise and the case, of each case that has points and did not get them all."""
    for exercise in record.data.get("exercises", ()):
        for case in exercise["cases"]:
            if case["earned"] < case["points"]:
                yield exercise["name"], case


def quotes_section(secret: str, record: Record) -> str:
    """For the student's page: what to quote, case by case; empty where nothing failed."""
    end, rows = digest_of(secret, record), []
    for exercise, case in failed_cases(record):
        quoted = card.escape("/".join((record.lesson, exercise, case["id"], end)))
        about = f"{card.escape(exercise)}: {card.prose(case['title'])}"
        rows.append(f"<li>{about}<br><code>{quoted}</code></li>")
    if not rows:
        return ""
    say = (
        "Read first what the case says above. If you still think that the check is wrong, tell your teacher why, and "
        "quote the text below the case: it says which case of which hand-in you mean."
    )
    return (
        "<style>#regrade code { user-select: all; overflow-wrap: anywhere; }</style>"
        '<details id="regrade"><summary>Is a case graded wrongly? What to quote</summary>'
        f"<p>{say}</p><ul>{''.join(rows)}</ul></details>"
    )


def find_request(course: Course, text: str) -> Request:
    """What a quoted text means.

    Raises:
        StorytellerError: it is no such text, or nobody's.
    """
    quote = text.strip().strip("`").strip()
    parts = quote.split("/")
    if len(parts) != 4 or not all(parts):
        raise StorytellerError(
            f"{text!r} is no text to quote from a student's page, such as 01_data_preparation/count_pairs/ties/"
            "3f9ac210b7: copy it whole, with its three strokes."
        )
    lesson, exercise, case_id, end = parts
    secret = course.secret()
    with Records(course.records_file) as records:
        for latest in records.all_latest(lesson):
            for record in records.history(lesson, latest.student):
                if record.status == "graded" and hmac.compare_digest(digest_of(secret, record).encode(), end.encode()):
                    break
            else:
                continue
            cases = {(one["name"], case["id"]): case for one in record.data["exercises"] for case in one["cases"]}
            if (exercise, case_id) not in cases:
                break
            return Request(quote, record, exercise, cases[exercise, case_id], latest.sha256 != record.sha256)
    raise StorytellerError(
        f"{quote} is nobody's: no page of {lesson} in this course has it. See that it was copied whole, and from a "
        "page that was graded with this course's secret."
    )


def check_points(request: Request, points: float) -> None:
    """Refuse points that the request's exercise does not have.

    Raises:
        StorytellerError: it has fewer, or they are no number from 0 on.
    """
    most = next(one["points"] for one in request.record.data["exercises"] if one["name"] == request.exercise)
    if not 0 <= points <= most:
        raise StorytellerError(f"{request.exercise} has {most} points: give 0 to {most} with --give.")


def overrule(book: LessonBook, request: Request, points: float, why: str) -> tuple[float, float]:
    """Enter points for the request's exercise as a person gives them in formgrader; gives those before and after.

    Raises:
        StorytellerError: the exercise has fewer points, or is not in the gradebook.
    """
    check_points(request, points)
    return book.overrule(request.record.student, request.exercise, points, why), points


def log_csv(changes: Iterable[Change]) -> str:
    """The log as a csv, the oldest first; no cell of it is computed by a spreadsheet."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for change in changes:
        writer.writerow([harmless(str(getattr(change, name))) for name in COLUMNS])
    return table.getvalue()
