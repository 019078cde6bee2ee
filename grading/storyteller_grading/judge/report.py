"""Writes a result down: as JSON for programs, as a page for the student, as a table for the terminal.

Whatever comes from a submission is escaped and bounded, here or by the card of `storyteller.course`.
"""

import json
from pathlib import Path
from typing import Any

from storyteller.course import card
from storyteller.course.result import CaseResult
from storyteller.course.show import clean, show
from storyteller.disk import replacing
from storyteller_grading.judge.judging import SubmissionResult

NOTE = 500  # characters
MOST_NOTES = 50
PRINTED = 2000
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }}
.total {{ font-size: 1.4rem; }}
.note {{ color: #555; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def as_data(result: SubmissionResult) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "lesson": result.lesson,
        "notebook": clean(result.notebook, NOTE),
        "earned": result.earned,
        "points": result.points,
        "extra": result.extra,
        "fault": clean(result.fault, NOTE),
        "notes": _notes(result),
        "sandbox": result.layers,
        "hidden_draws": result.hidden_draws,
        "exercises": [
            {
                "name": exercise.name,
                "earned": exercise.earned,
                "points": exercise.points,
                "bonus": exercise.name in result.bonus,
                "solved": exercise.solved,
                "mistake": exercise.mistake,
                "replaced": list(exercise.replaced),
                "cases": [_case(case) for case in exercise.cases],
            }
            for exercise in result.exercises
        ],
    }


def as_page(result: SubmissionResult) -> str:
    """The result as a page of HTML for the student."""
    title = card.escape(f"{result.lesson.partition('_')[2].replace('_', ' ').capitalize()}: {result.notebook}", NOTE)
    body = [f'<p class="total">{result.earned} of {result.points} points{_extra(result)}</p>']
    if result.fault:
        body.append(f"<p>{card.prose(result.fault)}</p>")
    else:
        body += [card.html(exercise) for exercise in result.exercises]
    if notes := _notes(result):
        lines = "".join(f'<li class="note">{card.escape(note, NOTE)}</li>' for note in notes)
        body.append(f"<h2>How your notebook was read</h2><ul>{lines}</ul>")
    return PAGE.format(title=title, body="\n".join(body))


def as_table(result: SubmissionResult) -> list[tuple[str, str, str]]:
    """Exercise, points, and what there is to say in a few words; the last row is the sum."""
    rows = []
    for exercise in result.exercises:
        failed = [case for case in exercise.cases if not case.passed]
        said = "" if not failed else failed[0].explanation or failed[0].message
        name = exercise.name + (" (bonus)" if exercise.name in result.bonus else "")
        rows.append((name, f"{exercise.earned}/{exercise.points}", clean(said.split("\n")[0], 100)))
    return [*rows, ("sum", f"{result.earned}/{result.points}", _extra(result).strip(", "))]


def write(result: SubmissionResult, folder: Path) -> None:
    """Write result.json and result.html into a folder."""
    for name, text in (
        ("result.json", json.dumps(as_data(result), indent=1) + "\n"),
        ("result.html", as_page(result)),
    ):
        with replacing(folder / name) as file:
            file.write(text.encode())


def _case(case: CaseResult) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": case.id,
        "title": case.title,
        "earned": case.earned,
        "points": case.points,
        "passed": case.passed,
        "kind": case.kind,
        "message": clean(case.message, PRINTED),
        "explanation": case.explanation,
        "mistake": case.mistake,
        "seconds": round(case.seconds, 3),
    }
    if case.line:
        data |= {"line": case.line, "code": clean(case.code, NOTE)}
    if case.compared:
        data |= {"got": show(case.got), "wanted": show(case.wanted), "where": clean(case.where, NOTE)}
    if case.printed:
        data["printed"] = clean(case.printed, PRINTED)
    if case.warnings:
        data["warnings"] = [clean(text, NOTE) for text in case.warnings]
    return data


def _notes(result: SubmissionResult) -> list[str]:
    notes = [clean(note, NOTE) for note in result.notes]
    rest = len(notes) - MOST_NOTES
    return notes[:MOST_NOTES] + ([f"... and {rest} more notes."] if rest > 0 else [])


def _extra(result: SubmissionResult) -> str:
    return f", and {result.extra} of extra credit" if result.extra else ""
