"""Writes a result down: as JSON for programs, as a page for the student, as a table for the terminal.

Whatever comes from a submission is escaped and bounded, here or by the card of `storyteller_course`.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from storyteller.utils.atomic_io import write_whole
from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_course.report import card
from storyteller_course.report.safe_repr import clean, safe_repr
from storyteller_grading.judge.judge import SubmissionResult

MAX_NOTE_CHARS = 500  # characters
MAX_NOTES = 50
MAX_PRINTED_CHARS = 2000
MAX_LINES = 300  # of an answer that are shown
BY_HAND = "<!-- by hand -->"  # where a page has room for what a person grades; nothing of a student's can write this
GUARD = (
    f'<p class="quiet">A case marked <b>{card.MUST_STAY}</b> has no points of its own: it holds that what worked '
    "before still works. While it fails, none of the other cases of its exercise counts.</p>"
)
STYLE = """
.exercise { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: .3rem 1.2rem;
 align-items: start; margin: .4rem 0 1.4rem; }
.exercise > .sty { max-width: none; }
.answer { position: sticky; top: .5rem; } .answer p { margin: 0 0 .2rem; font-size: .85rem; }
.answer pre { margin: 0; max-height: 90vh; overflow: auto; font-size: .8rem; line-height: 1.5;
 background: rgba(128, 128, 128, .09); border-radius: 5px; padding: .5rem 0; }
.answer span { display: block; padding: 0 .6rem 0 2.6rem; text-indent: -2.6rem; }
.answer span b { display: inline-block; box-sizing: border-box; width: 2.6rem; padding-right: .7rem;
 text-align: right; text-indent: 0; font-weight: 400; opacity: .5; user-select: none; }
.answer .raised { background: rgba(217, 130, 43, .3); }
summary { cursor: pointer; margin: .3rem 0; }
@media (max-width: 60rem) { .exercise { grid-template-columns: minmax(0, 1fr); } .answer { position: static; } }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --text: #222; --ground: #fff; --quiet: #666; --link: #20639b; --line: #e4e4e4;
 --ok: #23824f; --no: #b8621b; --track: #ececec; --part: #d9822b; --full: #2e9e63; --panel: #f4f8fb;
 --column: #4a7fb0; }}
@media (prefers-color-scheme: dark) {{
 :root {{ --text: #ddd; --ground: #16181b; --quiet: #a0a4a8; --link: #7fb8ec; --line: #34383c; --ok: #4cc38a;
  --no: #f0a35e; --track: #2b2f33; --part: #d98c3a; --full: #35a86c; --panel: #1d232a; --column: #5b93c6; }}
 .sty.sty {{ --sty-ok: var(--ok); --sty-no: var(--no); }}
}}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: {width}; margin: 2rem auto; padding: 0 1rem;
 color: var(--text); background: var(--ground); overflow-wrap: break-word; }}
h1 {{ font-size: 1.6rem; margin-bottom: 0; }} h2 {{ font-size: 1.15rem; margin: 1.8rem 0 .5rem; }}
h3 {{ font-size: 1rem; margin: 1.4rem 0 .3rem; }}
p, li {{ max-width: 50rem; }}
a {{ color: var(--link); text-decoration: none; }} a:hover {{ text-decoration: underline; }}
.total {{ font-size: 1.4rem; margin: .6rem 0; }} .note, .quiet {{ color: var(--quiet); }}
table {{ border-collapse: collapse; width: 100%; }} th {{ text-align: left; font-weight: 600; }}
th, td {{ padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.marks {{ letter-spacing: .15em; }} .ok {{ color: var(--ok); }} .no {{ color: var(--no); }}
.bar {{ display: inline-block; width: 100%; min-width: 2.5rem; height: .5rem; border-radius: .25rem;
 background: var(--track); }}
td:has(> .bar) {{ width: 25%; }}
.bar i {{ display: block; height: 100%; border-radius: .25rem; background: var(--part); }}
.bar i.full {{ background: var(--full); }}
.hand {{ border-left: 3px solid var(--link); padding: .2rem 1rem; background: var(--panel); }}
.wide {{ overflow-x: auto; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
@media (max-width: 40rem) {{
 body {{ margin: 1rem auto; }} .marks {{ letter-spacing: 0; }}
 th, td {{ padding-right: .5rem; }} .roomy {{ display: none; }}
}}
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(title: str, body: str, *, width: str = "52rem", style: str = "") -> str:
    """A whole page of safe HTML that asks nothing of any network and runs no script; `body` is trusted HTML.

    It follows the reader's light or dark, and fits a phone: what has the class `roomy` is left out there.
    """
    return PAGE.format(title=card.escape(title, MAX_NOTE_CHARS), body=body, width=width, style=style)


def bar(share: float) -> str:
    """A bar that is filled up to a share between 0 and 1."""
    full = ' class="full"' if share >= 1 else ""
    return f'<span class="bar"><i{full} style="width:{100 * min(max(share, 0), 1):.0f}%"></i></span>'


def as_data(result: SubmissionResult) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "lesson": result.lesson,
        "notebook": clean(result.notebook, MAX_NOTE_CHARS),
        "earned": result.earned,
        "points": result.points,
        "extra": result.extra,
        "fault": clean(result.fault, MAX_NOTE_CHARS),
        "notes": _notes(result),
        "sandbox": result.layers,
        "hidden_draws": len(result.seeds),
        "exercises": [
            {
                "name": exercise.name,
                "earned": exercise.earned,
                "points": exercise.points,
                "bonus": exercise.name in result.bonus,
                "solved": exercise.solved,
                "mistake": exercise.mistake,
                "replaced": list(exercise.replaced),
                "reached": [clean(word, MAX_NOTE_CHARS) for word in result.reached.get(exercise.name, [])],
                "course_text": result.course_text.get(exercise.name, ""),
                "cases": [case_as_data(case) for case in shown(exercise).cases],
            }
            for exercise in result.exercises
        ],
    }


def as_page(result: SubmissionResult) -> str:
    """The result as a page of HTML for the student."""
    title = lesson_title(result.lesson)
    name = card.escape(result.notebook, MAX_NOTE_CHARS)
    body = [f'<h1>{card.escape(title, MAX_NOTE_CHARS)}</h1><p class="quiet">{name}</p>']
    body.append(total_line(result.earned, result.points, result.extra))
    if result.fault:
        body += [f"<p>{card.prose(result.fault)}</p>", BY_HAND]
    else:
        body += [overview(result), BY_HAND]
        open_ones = [each for each in result.exercises if not each.solved]
        open_ones.sort(key=lambda each: each.unfinished)  # those without an answer last
        if open_ones:
            body.append("<h2>What to look at</h2>")
            body += [exercise_section(each, result.answers.get(each.name, "")) for each in open_ones]
        if solved := [each for each in result.exercises if each.solved]:
            body.append("<h2>Solved</h2>")
            body += [
                f"<details>{folded_title(each.name, each.earned, each.points)}{exercise_section(each, '')}</details>"
                for each in solved
            ]
    if notes := _notes(result):
        lines = "".join(f'<li class="note">{card.escape(note, MAX_NOTE_CHARS)}</li>' for note in notes)
        body.append(f"<h2>How your notebook was read</h2><ul>{lines}</ul>")
    return page(f"{title}: {clean(result.notebook, MAX_NOTE_CHARS)}", "\n".join(body), width="76rem", style=STYLE)


def exercise_section(exercise: ExerciseResult, answer: str) -> str:
    """The card of an exercise, failed cases first; beside them the student's own code, if it is given."""
    first = replace(exercise, cases=sorted(exercise.cases, key=lambda case: case.passed))
    beside = ""
    if answer.strip() and not exercise.unfinished:
        failed = {case.line for case in exercise.cases if not case.passed and case.line}
        beside = f'<div class="answer"><p class="quiet">Your code, as it was graded</p>{numbered(answer, failed)}</div>'
    return f'{section_start(exercise.name)}<div class="exercise">{card.html(shown(first))}{beside}</div></section>'


def total_line(earned: float, points: int, extra: float) -> str:
    """The sum of the checks."""
    plus = f" +{extra:g} bonus" if extra else ""
    return f'<p class="total">{earned:g} of {points} points from the checks{plus}</p>'


def row_start(name: str, earned: float, points: int, *, bonus: bool, by_hand: bool = False) -> str:
    """A row of the overview up to the points."""
    name, extra = card.escape(name), " (bonus)" if bonus else ""
    whose = '<br><span class="quiet">by hand</span>' if by_hand else ""
    return (
        f'<tr><td><a href="#{name}">{name}</a><span class="quiet">{extra}</span></td>'
        f'<td>{bar(earned / points if points else 0.0)}</td><td class="number">{earned:g} of {points}{whose}</td>'
    )


def folded_title(name: str, earned: float, points: int, *, by_hand: bool = False) -> str:
    """What is seen of a solved exercise while it is folded."""
    return f"<summary>{card.escape(name)}: {earned:g} of {points} points{', by hand' if by_hand else ''}</summary>"


def section_start(name: str) -> str:
    """The beginning of an exercise's section."""
    return f'<section id="{card.escape(name)}">'


def with_points_by_hand(page: str, data: Mapping[str, Any], given: Mapping[str, float]) -> str:
    """A student's page with the points that a person gave, which count, in place of the judge's.

    Args:
        page: from `as_page`.
        data: of the same result, from `as_data`.
        given: the points by exercise.
    """
    earned, extra = data["earned"], data["extra"]
    for one in data["exercises"]:
        name, judged, points, bonus = one["name"], one["earned"], one["points"], one["bonus"]
        if name not in given:
            continue
        extra += (given[name] - judged) * bonus
        earned += (given[name] - judged) * (not bonus)
        said = f"<p><b>A person gave {given[name]:g} of {points} points</b>, which count. The checks gave {judged}:</p>"
        for before, after in (
            (row_start(name, judged, points, bonus=bonus),
             row_start(name, given[name], points, bonus=bonus, by_hand=True)),
            (folded_title(name, judged, points), folded_title(name, given[name], points, by_hand=True)),
            (section_start(name), section_start(name) + said),
        ):  # fmt: skip
            page = page.replace(before, after, 1)
    return page.replace(
        total_line(data["earned"], data["points"], data["extra"]), total_line(earned, data["points"], extra), 1
    )


def numbered(code: str, marked: Collection[int]) -> str:
    """Code with its lines' numbers, counted from 1; those at which an exception was raised are marked."""
    lines = []
    for number, line in enumerate(code.split("\n")[:MAX_LINES], 1):
        kind = ' class="raised"' if number in marked else ""
        lines.append(f"<span{kind}><b>{number}</b>{card.escape(line, MAX_NOTE_CHARS)}</span>")
    if code.count("\n") >= MAX_LINES:
        lines.append("<span><b></b>...</span>")
    return f"<pre>{''.join(lines)}</pre>"


def shown(exercise: ExerciseResult) -> ExerciseResult:
    """The result as it can be shown: without the values where these cannot be, so that no exercise stops another."""
    try:
        card.html(exercise)
        for case in exercise.cases:
            case_as_data(case)
    except Exception as error:  # noqa: BLE001  a student's value that was not foreseen
        note = f"\n(The values cannot be shown here: {type(error).__name__}.)"
        bare = [
            replace(case, got=None, wanted=None, pair=None, compared=False, message=case.message + note)
            for case in exercise.cases
        ]
        return replace(exercise, cases=bare)
    return exercise


def lesson_title(lesson: str) -> str:
    """A lesson's name in words.

    >>> lesson_title("01_data_preparation")
    'Lesson 01: Data preparation'
    """
    number, _, name = lesson.partition("_")
    return f"Lesson {number}: {name.replace('_', ' ').capitalize()}"


def overview(result: SubmissionResult) -> str:
    """The points by exercise and case, each exercise with a link to its card."""
    rows = []
    for exercise in result.exercises:
        bonus = exercise.name in result.bonus
        marks = "".join(
            f'<span class="{"ok" if case.passed else "no"}" title="{card.escape(case.title)}">'
            f"{'✓' if case.passed else '✗'}</span>"
            for case in exercise.cases
        )
        start = row_start(exercise.name, exercise.earned, exercise.points, bonus=bonus)
        rows.append(f'{start}<td class="marks">{marks}</td></tr>')
    head = '<tr><th>exercise</th><th></th><th class="number">points</th><th>cases</th></tr>'
    guards = any(case.points == 0 for exercise in result.exercises for case in exercise.cases)
    return f"<table>{head}{''.join(rows)}</table>{GUARD if guards else ''}"


def as_table(result: SubmissionResult) -> list[tuple[str, str, str]]:
    """Exercise, points, and what there is to say in a few words; the last row is the sum."""
    rows = []
    for exercise in result.exercises:
        failed = [case for case in exercise.cases if not case.passed]
        reason = "" if not failed else failed[0].explanation or failed[0].message
        name = exercise.name + (" (bonus)" if exercise.name in result.bonus else "")
        rows.append((name, f"{exercise.earned}/{exercise.points}", clean(reason.split("\n")[0], 100)))
    return [*rows, ("checks", f"{result.earned}/{result.points}", _extra(result).strip())]


def write_result(result: SubmissionResult, folder: Path) -> None:
    """Write result.json and result.html into a folder."""
    for name, text in (
        ("result.json", json.dumps(as_data(result), indent=1) + "\n"),
        ("result.html", as_page(result)),
    ):
        write_whole(folder / name, text)


def case_as_data(case: CaseResult) -> dict[str, Any]:
    """One case as plain data; of what was compared and printed only what there is."""
    data: dict[str, Any] = {
        "id": case.id,
        "title": case.title,
        "earned": case.earned,
        "points": case.points,
        "passed": case.passed,
        "kind": case.kind,
        "message": clean(case.message, MAX_PRINTED_CHARS),
        "explanation": case.explanation,
        "mistake": case.mistake,
        "seconds": round(case.seconds, 3),
    }
    if case.line:
        data |= {"line": case.line, "code": clean(case.code, MAX_NOTE_CHARS)}
    if case.compared:
        data |= {
            "got": safe_repr(case.got),
            "wanted": safe_repr(case.wanted),
            "where": clean(case.where, MAX_NOTE_CHARS),
        }
    if case.printed:
        data["printed"] = clean(case.printed, MAX_PRINTED_CHARS)
    if case.warnings:
        data["warnings"] = [clean(text, MAX_NOTE_CHARS) for text in case.warnings]
    return data


def _notes(result: SubmissionResult) -> list[str]:
    notes = [clean(note, MAX_NOTE_CHARS) for note in result.notes]
    rest = len(notes) - MAX_NOTES
    return notes[:MAX_NOTES] + ([f"... and {rest} more notes."] if rest > 0 else [])


def _extra(result: SubmissionResult) -> str:
    return f" +{result.extra} bonus" if result.extra else ""
