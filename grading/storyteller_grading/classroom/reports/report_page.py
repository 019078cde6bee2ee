"""The report as HTML: one file that asks nothing of a network and runs no script."""

from collections.abc import Sequence

from storyteller_course.report import card
from storyteller_grading.classroom.course import Student
from storyteller_grading.classroom.reports.statistics import STUCK, Item, Lesson, quantile
from storyteller_grading.judge.report import bar, lesson_title, page

BINS = 10  # columns of the picture of the totals
WEAK = 0.2  # of the discrimination, below which an exercise is worth a look
MOST = 50  # mistakes of an exercise, repairs of a student
LONG = 300  # characters
STYLE = """
.heat td { padding: .2rem .45rem; text-align: right; border: 1px solid #fff; font-variant-numeric: tabular-nums; }
.heat th { font-size: .8rem; border: 0; } .heat .turned { vertical-align: bottom; height: 9rem; padding: 0; }
.heat .turned span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.heat td.name { text-align: left; white-space: nowrap; }
.wide { overflow-x: auto; }
svg text { font: 11px system-ui, sans-serif; fill: #555; }
.facts { display: flex; gap: 2rem; flex-wrap: wrap; margin: .8rem 0; } .facts b { display: block; font-size: 1.3rem; }
h2 { border-top: 2px solid #ddd; padding-top: 1rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
li { margin: .2rem 0; }
"""


def report_page(lessons: Sequence[Lesson], roster: Sequence[Student]) -> str:
    """The report of some lessons."""
    names = {one.id: f"{one.first_name} {one.last_name}".strip() or one.id for one in roster}
    links = "".join(f'<li><a href="#{card.escape(one.name)}">{card.escape(lesson_title(one.name))}</a></li>'
                    for one in lessons)  # fmt: skip
    contents = f"<ul>{links}</ul>" if len(lessons) > 1 else ""
    return page(
        "Report of the class",
        "<h1>Report of the class</h1>" + contents + "".join(_lesson(one, names) for one in lessons),
        width="76rem",
        style=STYLE,
    )


def _lesson(lesson: Lesson, names: dict[str, str]) -> str:
    parts = [
        f'<h2 id="{card.escape(lesson.name)}">{card.escape(lesson_title(lesson.name))}</h2>',
        _facts(lesson, names),
        _distribution(lesson),
        "<h3>The exercises</h3>" + _items(lesson),
        "<h3>The commonest mistakes</h3>" + _mistakes(lesson),
        "<h3>Who is stuck where</h3>" + _stuck(lesson) + _heat(lesson, names),
        "<h3>The grading itself</h3>" + _grading(lesson),
    ]
    return "".join(parts)


def _facts(lesson: Lesson, names: dict[str, str]) -> str:
    count = list(lesson.statuses.values()).count
    missing = [name for name in names if name not in lesson.statuses]
    facts = {
        "handed in": str(len(lesson.statuses)),
        "mean": f"{lesson.mean:.1f} of {lesson.points}",
        "median": f"{lesson.median:g}",
        "standard deviation": f"{lesson.deviation:.1f}",
        "not readable": str(count("unreadable")),
        "failed to grade": str(count("failed")),
        "handed in nothing": str(len(missing)),
    }
    text = "".join(f"<div><b>{value}</b>{name}</div>" for name, value in facts.items())
    absent = f'<p class="quiet">Nothing from: {card.escape(", ".join(missing))}.</p>' if missing else ""
    return f'<div class="facts">{text}</div>{absent}'


def _distribution(lesson: Lesson) -> str:
    """How many have how many points, as columns."""
    counts = [0] * BINS
    for total in lesson.totals.values():
        counts[min(BINS - 1, total * BINS // max(lesson.points, 1))] += 1
    tallest, width, height = max(*counts, 1), 46, 120
    columns = []
    for place, count in enumerate(counts):
        tall, left = round(height * count / tallest), 10 + place * width
        low, high = place * lesson.points // BINS, (place + 1) * lesson.points // BINS
        span = f"{low}–{high - 1 if place < BINS - 1 else high}"
        columns.append(
            f'<rect x="{left}" y="{20 + height - tall}" width="{width - 6}" height="{tall}" fill="#4a7fb0"/>'
            f'<text x="{left + width / 2 - 3:g}" y="{15 + height - tall}" text-anchor="middle">{count or ""}</text>'
            f'<text x="{left + width / 2 - 3:g}" y="{height + 36}" text-anchor="middle">{span}</text>'
        )
    size = f'width="{20 + BINS * width}" height="{height + 44}"'
    said = f"How many students have how many of {lesson.points} points"
    return f'<h3>{said}</h3><svg {size} role="img" aria-label="{said}">{"".join(columns)}</svg>'


def _items(lesson: Lesson) -> str:
    head = (
        '<tr><th>exercise</th><th class="number">points</th><th>difficulty</th><th></th>'
        '<th class="number">discrimination</th><th class="number">solved</th><th class="number">untouched</th></tr>'
    )
    rows = "".join(_item(item) for item in lesson.items)
    note = (
        '<p class="quiet">Difficulty is the mean share of the points: 100 % is easy for all. Discrimination is the '
        "correlation of an exercise's points with those of all the others: below "
        f"{WEAK:g} those who are good at the rest are hardly better at this one, so its text or its check is worth a "
        "look; where all or none solve it there is none.</p>"
    )
    return f"<table>{head}{rows}</table>{note}"


def _item(item: Item) -> str:
    extra = ' <span class="quiet">extra credit</span>' if item.bonus else ""
    value = item.discrimination
    said = "–" if value is None else f"{value:.2f}"
    weak = ' class="number no"' if value is not None and value < WEAK else ' class="number"'
    return (
        f'<tr><td>{card.escape(item.name)}{extra}</td><td class="number">{item.points}</td>'
        f'<td>{bar(item.difficulty)}</td><td class="number">{100 * item.difficulty:.1f} %</td><td{weak}>{said}</td>'
        f'<td class="number">{item.solved}</td><td class="number">{item.untouched}</td></tr>'
    )


def _mistakes(lesson: Lesson) -> str:
    parts = []
    for item in lesson.items:
        lines = [
            f"<li><b>{one.count}</b> × <code>{card.escape(one.name)}</code>: {card.prose(one.explanation)}</li>"
            for one in item.mistakes[:MOST]
        ]
        if item.unexplained:
            lines.append(f"<li><b>{item.unexplained}</b> × <i>no known mistake was recognised</i></li>")
        if lines:
            parts.append(f"<p><b>{card.escape(item.name)}</b></p><ul>{''.join(lines)}</ul>")
    return "".join(parts) or "<p>None: everybody who tried solved it.</p>"


def _stuck(lesson: Lesson) -> str:
    """By exercise, those for whom it is the first that they have less than half of."""
    parts = []
    for item in lesson.items:
        students = [student for student, name in lesson.stuck.items() if name == item.name]
        if students:
            who = card.escape(", ".join(students), 4000)
            parts.append(f"<li><b>{card.escape(item.name)}</b> stops {len(students)}: {who}</li>")
    half = f"{100 * STUCK:.0f} %"
    said = f'<p class="quiet">The first exercise of which somebody has less than {half} of the points.</p>'
    return f"{said}<ul>{''.join(parts)}</ul>" if parts else "<p>Nobody.</p>"


def _heat(lesson: Lesson, names: dict[str, str]) -> str:
    head = "".join(f'<th class="turned"><span>{card.escape(item.name)}</span></th>' for item in lesson.items)
    rows = []
    for student in sorted(lesson.totals, key=lambda one: (-lesson.totals[one], one)):
        cells = "".join(_cell(item, lesson.shares[student].get(item.name, 0.0)) for item in lesson.items)
        name = card.escape(f"{student}  {names.get(student, '')}".strip(), LONG)
        rows.append(f'<tr><td class="name">{name}</td>{cells}<td><b>{lesson.totals[student]}</b></td></tr>')
    sums = '<th class="turned"><span>together</span></th>'
    return f'<div class="wide"><table class="heat"><tr><th></th>{head}{sums}</tr>{"".join(rows)}</table></div>'


def _cell(item: Item, share: float) -> str:
    """Points on a ground from orange over white to green."""
    colour, strength = ("46, 158, 99", 2 * share - 1) if share >= 0.5 else ("217, 130, 43", 1 - 2 * share)
    style = f"background: rgba({colour}, {0.1 + 0.6 * strength:.2f})"
    return f'<td style="{style}">{round(share * item.points)}</td>'


def _grading(lesson: Lesson) -> str:
    seconds = list(lesson.seconds.values())
    slowest = sorted(lesson.seconds, key=lambda one: (-lesson.seconds[one], one))[:3]
    who = ", ".join(f"{card.escape(one)} {lesson.seconds[one]:.1f} s" for one in slowest)
    parts = [
        f"<p>{len(seconds)} submissions in {sum(seconds):.0f} s of grading: {quantile(seconds, 0.5):.1f} s in the "
        f"median, {quantile(seconds, 0.95):.1f} s for 95 of 100; the longest: {who}.</p>"
    ]
    if lesson.failures:
        rows = "".join(
            f"<tr><td>{card.escape(one)}</td><td>{lesson.statuses[one]}</td><td>{card.escape(why, LONG)}</td></tr>"
            for one, why in lesson.failures.items()
        )
        parts.append(f"<table><tr><th>student</th><th></th><th>why</th></tr>{rows}</table>")
    if lesson.repairs:
        lines = "".join(
            f"<li>{card.escape(one)}: {card.escape(' '.join(notes[:MOST]), 3 * LONG)}</li>"
            for one, notes in lesson.repairs.items()
        )
        parts.append(f"<p>How notebooks of {len(lesson.repairs)} were read:</p><ul>{lines}</ul>")
    return "".join(parts)
