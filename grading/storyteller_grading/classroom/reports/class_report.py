"""The report of a class: one page that asks nothing of a network and runs no script, and a table for a spreadsheet.

The same records make the same bytes.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.report import card
from storyteller_grading.classroom.autograde.gradebook import ManualGrades, read_manual_grades
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lateness import due_text, late_rule, span
from storyteller_grading.classroom.lms.grades_csv import harmless
from storyteller_grading.classroom.lms.system import format_points
from storyteller_grading.classroom.reports.statistics import STUCK, LessonStatistics, lesson_statistics, quantile
from storyteller_grading.classroom.roster import Student
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.judge.report import bar, lesson_title, page

HISTOGRAM_BINS = 10  # of the totals
MIN_DISCRIMINATION = 0.2  # of the discrimination, below which an exercise is worth a look
MAX_ENTRIES = 50  # mistakes of an exercise, repairs of a student
MAX_CHARS = 300  # of a name, or of a reason
STYLE = """
body { padding: 0 clamp(1rem, 3vw, 3rem); } h1 { margin-top: 0; }
.heat td { padding: .2rem .45rem; text-align: right; border: 1px solid var(--ground);
 font-variant-numeric: tabular-nums; }
.heat th { font-size: .8rem; border: 0; }
.heat .turned { text-align: right; vertical-align: bottom; height: 9rem; padding: 0; }
.heat .turned span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.heat td.name { text-align: left; white-space: nowrap; position: sticky; left: 0; background: var(--ground);
 width: 14rem; max-width: 14rem; overflow: hidden; text-overflow: ellipsis; }
svg { max-width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--quiet); }
svg rect { fill: var(--column); }
.facts { display: flex; gap: 2rem; flex-wrap: wrap; margin: .8rem 0; } .facts b { display: block; font-size: 1.3rem; }
h2 { border-top: 2px solid var(--line); padding-top: 1rem; }
li { margin: .2rem 0; }
@media (max-width: 40rem) { .heat td.name { width: 7rem; max-width: 7rem; } .facts { gap: 1rem; }
 .exercises { font-size: .85rem; } .exercises th { white-space: normal; hyphens: auto; font-size: .75rem; }
}
"""


def write_report(course: Course, lessons: Sequence[str], out: Path, table: Path | None = None) -> Path:
    """Write the report of some lessons, of all that were graded if none is named.

    Raises:
        StorytellerError: nothing of them was graded.
    """
    with Records(course.records_file) as records:
        names = list(lessons) or records.lessons()
        statistics = [lesson_statistics(name, records.all_latest(name)) for name in names]
    statistics = [lesson for lesson in statistics if lesson.statuses]
    if not statistics:
        raise StorytellerError("Nothing was graded yet, so there is nothing to report: storyteller-grade autograde 01.")
    by_hand = {lesson.name: read_manual_grades(course, lesson.name) for lesson in statistics}
    write_whole(out, report_page(statistics, course.students(), by_hand, late_rule(course)))
    if table is not None:
        write_whole(table, points_table(statistics))
    return out


def points_table(lessons: Sequence[LessonStatistics]) -> str:
    """The points by student, lesson and exercise, and the known mistake that was recognised, as CSV."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["student", "lesson", "status", "exercise", "points", "of", "extra_credit", "mistake"])
    for lesson in lessons:
        for student, status in lesson.statuses.items():
            for item in lesson.items:
                share = lesson.shares.get(student, {}).get(item.name)
                earned = "" if share is None else round(share * item.points)
                mistake = lesson.mistakes.get(student, {}).get(item.name, "")
                row = [harmless(student), lesson.name, status, item.name, earned, item.points]
                lines.writerow([*row, "yes" if item.bonus else "", mistake])
    return text.getvalue()


def report_page(
    lessons: Sequence[LessonStatistics],
    roster: Sequence[Student],
    by_hand: Mapping[str, Mapping[str, ManualGrades]] | None = None,
    rule: str = "",
) -> str:
    """The report of some lessons.

    Args:
        lessons: what their records say.
        roster: for the names.
        by_hand: by lesson and student, what nbgrader's gradebook knows of lateness.
        rule: what lateness costs, from `late_rule`.
    """
    names = {student.id: f"{student.first_name} {student.last_name}".strip() or student.id for student in roster}
    links = "".join(
        f'<li><a href="#{card.escape(lesson.name)}">{card.escape(lesson_title(lesson.name))}</a></li>'
        for lesson in lessons
    )
    parts = ["<h1>Report of the class</h1>", f"<ul>{links}</ul>" if len(lessons) > 1 else ""]
    for lesson in lessons:
        parts += [
            f'<h2 id="{card.escape(lesson.name)}">{card.escape(lesson_title(lesson.name))}</h2>',
            facts(lesson, names),
            histogram(lesson),
            "<h3>The exercises</h3>" + exercise_table(lesson),
            "<h3>The commonest mistakes</h3>" + mistake_lists(lesson),
            "<h3>Late work</h3>" + late_work((by_hand or {}).get(lesson.name, {}), rule),
            "<h3>Who is stuck where</h3>" + stuck_list(lesson) + heat_map(lesson, names),
            "<h3>Answers to look at</h3>" + answers_to_look_at(lesson),
            "<h3>The grading itself</h3>" + grading_facts(lesson),
        ]
    return page("Report of the class", "".join(parts), width="none", style=STYLE)


def facts(lesson: LessonStatistics, names: dict[str, str]) -> str:
    """How many handed in, and their points together."""
    count = list(lesson.statuses.values()).count
    missing = [name for name in names if name not in lesson.statuses]
    values = {
        "handed in": str(len(lesson.statuses)),
        "mean of the checks": f"{lesson.mean:.1f} of {lesson.points}",
        "median": f"{lesson.median:g}",
        "standard deviation": f"{lesson.deviation:.1f}",
        "not readable": str(count("unreadable")),
        "failed to grade": str(count("failed")),
        "handed in nothing": str(len(missing)),
    }
    text = "".join(f"<div><b>{value}</b>{name}</div>" for name, value in values.items())
    absent = f'<p class="quiet">Nothing from: {card.escape(", ".join(missing))}.</p>' if missing else ""
    return f'<div class="facts">{text}</div>{absent}'


def histogram(lesson: LessonStatistics) -> str:
    """How many have how many points, as columns."""
    counts = [0] * HISTOGRAM_BINS
    for total in lesson.totals.values():
        counts[min(HISTOGRAM_BINS - 1, total * HISTOGRAM_BINS // max(lesson.points, 1))] += 1
    tallest, width, height = max(*counts, 1), 46, 120
    columns = []
    for place, count in enumerate(counts):
        tall, left = round(height * count / tallest), 10 + place * width
        low, high = place * lesson.points // HISTOGRAM_BINS, (place + 1) * lesson.points // HISTOGRAM_BINS
        span = f"{low}–{high - 1 if place < HISTOGRAM_BINS - 1 else high}"
        columns.append(
            f'<rect x="{left}" y="{20 + height - tall}" width="{width - 6}" height="{tall}"/>'
            f'<text x="{left + width / 2 - 3:g}" y="{15 + height - tall}" text-anchor="middle">{count or ""}</text>'
            f'<text x="{left + width / 2 - 3:g}" y="{height + 36}" text-anchor="middle">{span}</text>'
        )
    wide, tall = 20 + HISTOGRAM_BINS * width, height + 44
    size = f'viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}"'
    title = f"How many students have how many of {lesson.points} points"
    return f'<h3>{title}</h3><svg {size} role="img" aria-label="{title}">{"".join(columns)}</svg>'


def exercise_table(lesson: LessonStatistics) -> str:
    """Difficulty and discrimination of each exercise."""
    head = (
        '<tr><th>exercise</th><th class="number roomy">points</th><th class="number">solved by</th>'
        '<th class="roomy"></th><th class="number">points earned</th><th class="number">discrimination</th>'
        '<th class="number roomy">untouched by</th></tr>'
    )
    rows = []
    for item in lesson.items:
        extra = ' <span class="quiet">bonus</span>' if item.bonus else ""
        value = item.discrimination
        shown = "–" if value is None else f"{value:.2f}"
        weak = ' class="number no"' if value is not None and value < MIN_DISCRIMINATION else ' class="number"'
        rows.append(
            f'<tr><td>{card.escape(item.name)}{extra}</td><td class="number roomy">{item.points}</td>'
            f'<td class="number">{item.solved} of {len(lesson.totals)}</td>'
            f'<td class="roomy">{bar(item.share)}</td><td class="number">{100 * item.share:.1f} %</td>'
            f'<td{weak}>{shown}</td><td class="number roomy">{item.untouched}</td></tr>'
        )
    note = (
        '<p class="quiet">Solved: all its points. Points earned: the mean share of its points over all students; an '
        "exercise with 100 % was easy for all, one with 10 % hard. "
        "Discrimination is the correlation of an exercise's points with those of all the others: below "
        f"{MIN_DISCRIMINATION:g} those who are good at the rest are hardly better at this one, so its text or its "
        "check is worth a look; where all or none solve it there is none.</p>"
    )
    return f'<div class="wide"><table class="exercises">{head}{"".join(rows)}</table></div>{note}'


def mistake_lists(lesson: LessonStatistics) -> str:
    """By exercise, how many made which known mistake."""
    parts = []
    for item in lesson.items:
        lines = [
            f"<li><b>{mistake.count}</b> × <code>{card.escape(mistake.name)}</code>: "
            f"{card.prose(mistake.explanation)}</li>"
            for mistake in item.mistakes[:MAX_ENTRIES]
        ]
        if item.unexplained:
            lines.append(f"<li><b>{item.unexplained}</b> × <i>no known mistake was recognised</i></li>")
        if lines:
            parts.append(f"<p><b>{card.escape(item.name)}</b></p><ul>{''.join(lines)}</ul>")
    return "".join(parts) or "<p>None: everybody who tried solved it.</p>"


def stuck_list(lesson: LessonStatistics) -> str:
    """By exercise, those for whom it is the first that they have less than half of."""
    parts = []
    for item in lesson.items:
        students = [student for student, name in lesson.stuck.items() if name == item.name]
        if students:
            who = card.escape(", ".join(students), 4000)
            parts.append(f"<li><b>{card.escape(item.name)}</b> stops {len(students)}: {who}</li>")
    half = f"{100 * STUCK:.0f} %"
    note = f'<p class="quiet">The first exercise of which somebody has less than {half} of the points.</p>'
    return f"{note}<ul>{''.join(parts)}</ul>" if parts else "<p>Nobody.</p>"


def heat_map(lesson: LessonStatistics, names: dict[str, str]) -> str:
    """Points by student and exercise, on a ground from orange over white to green."""
    head = "".join(f'<th class="turned"><span>{card.escape(item.name)}</span></th>' for item in lesson.items)
    rows = []
    for student in sorted(lesson.totals, key=lambda name: (-lesson.totals[name], name)):
        cells = []
        for item in lesson.items:
            share = lesson.shares[student].get(item.name, 0.0)
            color, strength = ("46, 158, 99", 2 * share - 1) if share >= 0.5 else ("217, 130, 43", 1 - 2 * share)
            style = f"background: rgba({color}, {0.1 + 0.6 * strength:.2f})"
            cells.append(f'<td style="{style}">{round(share * item.points)}</td>')
        name = card.escape(f"{student}  {names.get(student, '')}".strip(), MAX_CHARS)
        total = f"<td><b>{lesson.totals[student]}</b></td>"
        rows.append(f'<tr><td class="name">{name}</td>{"".join(cells)}{total}</tr>')
    sums = '<th class="turned"><span>together</span></th>'
    return f'<div class="wide"><table class="heat"><tr><th></th>{head}{sums}</tr>{"".join(rows)}</table></div>'


def late_work(by_hand: Mapping[str, ManualGrades], rule: str) -> str:
    """When it was due, what lateness costs, and who was late or had more time."""
    due = next((manual.due for manual in by_hand.values() if manual.due), None)
    if due is None:
        return "<p>No due date is set, so nothing is late.</p>"
    rows = [
        f'<tr><td>{card.escape(student)}</td><td class="number">'
        f"{span(manual.seconds_late) if manual.seconds_late else 'on time'}</td>"
        f'<td class="number">{format_points(manual.penalty)}</td>'
        f'<td class="number">{span(manual.seconds_more) if manual.seconds_more else "–"}</td></tr>'
        for student, manual in sorted(by_hand.items())
        if manual.seconds_late or manual.seconds_more
    ]
    said = f"<p>Due {due_text(due)}. The rule: {card.escape(rule, MAX_CHARS)}.</p>"
    head = (
        '<tr><th>student</th><th class="number">late by</th><th class="number">points off</th>'
        '<th class="number">extension</th></tr>'
    )
    table = f'<div class="wide"><table>{head}{"".join(rows)}</table></div>' if rows else "<p>Nobody was late.</p>"
    return said + table


def answers_to_look_at(lesson: LessonStatistics) -> str:
    """The answers that earned points and whose code reaches what holds answers, or that have the course's own text."""
    reached, copied = lesson.reached, lesson.course_text
    answers = [
        (student, item.name, reached.get(student, {}).get(item.name, []), copied.get(student, {}).get(item.name, ""))
        for student in lesson.statuses
        for item in lesson.items
    ]
    rows = [
        f"<tr><td>{card.escape(student)}</td><td>{card.escape(exercise)}</td>"
        f"<td><code>{card.escape(', '.join(words), MAX_CHARS)}</code></td>"
        f"<td>{card.escape(origin, MAX_CHARS)}</td></tr>"
        for student, exercise, words, origin in answers
        if words or origin
    ]
    if not rows:
        return "<p>None.</p>"
    note = (
        '<p class="quiet">These earned points, and their code names modules of the course that hold an answer, or '
        "what runs text as code, finds functions by computed names, or escapes the watch for forbidden calls; or they "
        "have a text of the library, of the stand-ins or of the checks in them, whatever its names are now. It is "
        "evidence and no verdict: an answer may compare itself with the library, or use a thread, for good "
        "reasons.</p>"
    )
    head = "<tr><th>student</th><th>exercise</th><th>what its code names</th><th>whose text it has</th></tr>"
    return f'{note}<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def grading_facts(lesson: LessonStatistics) -> str:
    """How long it took, what failed, and what had to be repaired."""
    seconds = list(lesson.seconds.values())
    slowest = sorted(lesson.seconds, key=lambda student: (-lesson.seconds[student], student))[:3]
    who = ", ".join(f"{card.escape(student)} {lesson.seconds[student]:.1f} s" for student in slowest)
    parts = [
        f"<p>{agreeing(len(seconds), f'{len(seconds)} submission[|s]')} in {sum(seconds):.0f} s of grading: "
        f"{quantile(seconds, 0.5):.1f} s in the median, {quantile(seconds, 0.95):.1f} s for 95 of 100; "
        f"the longest: {who}.</p>"
    ]
    if lesson.failures:
        rows = "".join(
            f"<tr><td>{card.escape(student)}</td><td>{lesson.statuses[student]}</td>"
            f"<td>{card.escape(why, MAX_CHARS)}</td></tr>"
            for student, why in lesson.failures.items()
        )
        parts.append(f'<div class="wide"><table><tr><th>student</th><th></th><th>why</th></tr>{rows}</table></div>')
    if lesson.repairs:
        lines = "".join(
            f"<li>{card.escape(student)}: {card.escape(' '.join(notes[:MAX_ENTRIES]), 3 * MAX_CHARS)}</li>"
            for student, notes in lesson.repairs.items()
        )
        parts.append(f"<p>How notebooks of {len(lesson.repairs)} were read:</p><ul>{lines}</ul>")
    return "".join(parts)
