"""The evidence of `similar`, side by side, as one static page without scripts."""

from collections.abc import Sequence
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.report import card
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.reports.similar import (
    LEAST,
    MANY,
    Pair,
    Shared,
    Similarity,
    similar_pairs,
    texts_of,
)
from storyteller_grading.judge.report import lesson_title, page

MOST = 60  # pairs that are shown
LINES = 400  # of an answer that are shown
STYLE = """
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; } .pair pre { margin: 0; font-size: .8rem;
 background: #f7f7f7; padding: .6rem; overflow-x: auto; white-space: pre-wrap; }
mark { background: #ffe2b8; color: inherit; display: block; } summary { cursor: pointer; margin: .4rem 0; }
h2 { border-top: 2px solid #ddd; padding-top: 1rem; }
"""


def write_similar(course: Course, lesson: Lesson, out: Path, *, like: float) -> tuple[Path, int]:
    """Compare everybody with everybody, and write the page; gives it and how many pairs there are to look at.

    Raises:
        StorytellerError: fewer than two were graded.
    """
    with Records(course.records_file) as records:
        found = [record for record in records.all_latest(lesson.name) if record.answers]
    if len(found) < 2:
        first = f"storyteller-grade autograde {lesson.name.partition('_')[0]}"
        raise StorytellerError(f"Of {lesson.name} fewer than two notebooks were graded, nothing to compare: {first}.")
    answers = {record.student: record.answers for record in found}
    result = similar_pairs(answers, common=texts_of(lesson), like=like)
    write_whole(out, similar_page(lesson.name, result, found, like=like))
    return out, len(result.pairs)


def similar_page(lesson: str, result: Similarity, records: Sequence[Record], *, like: float) -> str:
    """All pairs, the most alike first."""
    texts = {record.student: record.answers for record in records}
    rows = [
        f'<tr><td><a href="#pair-{number}">{card.escape(pair.first)} and {card.escape(pair.second)}</a></td>'
        f'<td class="number">{100 * pair.score:.0f} %</td><td class="number">{pair.shared}</td>'
        f'<td class="quiet">{card.escape(", ".join(one.exercise for one in pair.exercises))}</td></tr>'
        for number, pair in enumerate(result.pairs[:MOST], 1)
    ]
    head = '<tr><th>pair</th><th class="number">score</th><th class="number">shared</th><th>in</th></tr>'
    table = f"<table>{head}{''.join(rows)}</table>" if rows else "<p>No pair has much in common.</p>"
    more = len(result.pairs) - MOST
    rest = f"<p>And {more} more: a higher --like shows fewer.</p>" if more > 0 else ""
    title = f"{lesson_title(lesson)}: what is alike"
    body = [f"<h1>{card.escape(title)}</h1>", _meaning(result, like), table, rest]
    body += [_pair(number, pair, texts) for number, pair in enumerate(result.pairs[:MOST], 1)]
    return page(title, "".join(body), width="84rem", style=STYLE)


def _meaning(result: Similarity, like: float) -> str:
    return (
        "<p><b>This is evidence to look at, and no verdict.</b> From each answer was taken away what the course gave, "
        f"what the course itself would write, and what more than {100 * MANY:.0f} % of the class write. Of what is "
        "left, the score is the share that both have of all that either has: runs of tokens and parts of the syntax "
        "tree, whatever the names, the comments and the order of functions. Two who learned from the same page can "
        "have a high score; two who copied the course's own solution have none; short answers say little.</p>"
        f'<p class="quiet">{result.compared} students were compared. Shown are pairs from {100 * like:.0f} % and '
        f"{LEAST} shared fingerprints on, or with nearly all of one longer exercise in common; the highest score of "
        f"all other pairs is {100 * result.usual:.0f} %.</p>"
    )


def _pair(number: int, pair: Pair, texts: dict[str, dict[str, str]]) -> str:
    parts = [f'<h2 id="pair-{number}">{card.escape(pair.first)} and {card.escape(pair.second)}: '
             f"{100 * pair.score:.0f} %</h2>"]  # fmt: skip
    for one in sorted(pair.exercises, key=lambda shared: (-shared.shared, shared.exercise)):
        left, right = texts[pair.first].get(one.exercise, ""), texts[pair.second].get(one.exercise, "")
        opened = " open" if one.score >= 0.3 else ""
        parts.append(
            f"<details{opened}><summary>{card.escape(one.exercise)}: {_share(one)}</summary>"
            f'<div class="pair"><div>{card.escape(pair.first)}{_code(left, one.left)}</div>'
            f"<div>{card.escape(pair.second)}{_code(right, one.right)}</div></div></details>"
        )
    return "".join(parts)


def _share(one: Shared) -> str:
    return f"{100 * one.score:.0f} %, {one.shared} of {one.of} fingerprints"


def _code(text: str, marked: frozenset[int]) -> str:
    """Code as it is, the lines in common marked."""
    lines = []
    for number, line in enumerate(text.split("\n")[:LINES], 1):
        safe = card.escape(line, 500) or " "
        lines.append(f"<mark>{safe}</mark>" if number in marked else f"{safe}\n")
    return f"<pre>{''.join(lines)}</pre>"
