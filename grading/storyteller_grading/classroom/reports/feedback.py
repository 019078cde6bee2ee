"""A page for each student, where nbgrader has its feedback, and one index for the instructor.

    feedback/ada/01_data_preparation/01_data_preparation.html   # `nbgrader release_feedback` hands it out
    feedback/01_data_preparation.html                           # the index

The judge wrote the page while it graded: points by exercise and case, what is wrong and why, pictures, public inputs
only. Added here is what a person graded. No page runs a script or asks anything of a network.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.report import card
from storyteller_grading.classroom.autograde.gradebook import ManualGrades, read_manual_grades
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.course import UNTIMED, Course, nbgrader_time
from storyteller_grading.classroom.lateness import due_text, late_rule, span
from storyteller_grading.classroom.lms.system import format_points
from storyteller_grading.classroom.regrade_requests import quotes_section
from storyteller_grading.classroom.reports.give_back import with_name
from storyteller_grading.classroom.roster import Student
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.judge.notebooks import Unreadable, contents
from storyteller_grading.judge.report import BY_HAND, bar, lesson_title, page, with_points_by_hand

MAX_COMMENT_CHARS = 4000  # characters of a comment
MAX_ANSWER_CHARS = 8000  # characters of a written answer
MAX_TICKET_BYTES = 1000  # bytes of nbgrader's small files
INDEX_STYLE = """
body { padding: 0 clamp(1rem, 3vw, 3rem); } .students td:last-child { width: 35%; }
@media (max-width: 40rem) {
 .students, .students tbody { display: block; } .students th, .students td { border: 0; padding: 0; }
 .students tr { display: grid; grid-template-columns: 1fr 6rem 6.5rem; gap: 0 .5rem; padding: .3rem 0;
  border-bottom: 1px solid var(--line); }
 .students tr > :nth-child(1) { grid-area: 1 / 1; } .students tr > :nth-child(2) { grid-area: 2 / 1; }
 .students .number { white-space: normal; } .students td:last-child { grid-area: 3 / 1 / 3 / 4; width: auto; }
}
"""


def write_feedback(
    course: Course,
    lesson: str,
    students: Sequence[str] = (),
    *,
    begin: Callable[[int], None] = lambda total: None,
    step: Callable[[str], None] = lambda student: None,
) -> tuple[Path, list[Record]]:
    """Write the pages of a lesson; gives the index and whose pages were written.

    Args:
        course: its folder.
        lesson: the lesson's name.
        students: only these, all if empty.
        begin: called with how many pages there will be.
        step: called with each student whose page is written.

    Raises:
        StorytellerError: nothing of the lesson, or of one of these, was graded.
    """
    with Records(course.records_file) as records:
        everybody = records.all_latest(lesson)
    graded = {record.student for record in everybody}
    unknown = sorted(set(students) - graded)
    if unknown or not graded:
        who = f" of {', '.join(unknown)}" if unknown else ""
        first = f"storyteller-grade autograde {lesson.partition('_')[0]}"
        raise StorytellerError(f"Nothing{who} was graded yet for {lesson}: {first} comes first.")
    by_hand, rule, secret = read_manual_grades(course, lesson), late_rule(course), course.secret()
    chosen = [record for record in everybody if not students or record.student in students]
    names = {student.id: student for student in course.students()}
    begin(len(chosen))
    for record in chosen:
        folder = course.feedback / record.student / lesson
        text = with_name(
            student_page(record, by_hand.get(record.student), rule), names.get(record.student, Student(record.student))
        )
        shown, _, end = text.rpartition("</body>")
        write_whole(folder / f"{lesson}.html", f"{shown}{quotes_section(secret, record)}\n</body>{end}")
        write_tickets(course, record, folder)
        step(record.student)
    index = course.feedback / f"{lesson}.html"
    write_whole(index, index_page(lesson, everybody, by_hand, names))
    return index, chosen


def student_page(record: Record, by_hand: ManualGrades | None, rule: str = "") -> str:
    """The page of one student: the judge's, with what a person graded; `rule` says what lateness costs."""
    if record.status == "failed":
        title = lesson_title(record.lesson)
        sorry = "Your notebook could not be graded yet. Your teacher knows of it; a grade from before stays until then."
        return page(title, f"<h1>{card.escape(title)}</h1><p>{sorry}</p>")
    if not by_hand:
        return record.page.replace(BY_HAND, "", 1)
    judged = with_points_by_hand(record.page, record.data, by_hand.overruled)
    return judged.replace(BY_HAND, manual_section(record, by_hand, rule), 1)


def manual_section(record: Record, by_hand: ManualGrades, rule: str = "") -> str:
    """What a person graded, and what lateness costs; empty where there is neither."""
    parts = []
    for entry in by_hand.entries:
        if entry.score is not None:
            given = format_points(entry.score - entry.extra)  # nbgrader's score has the extra credit in it
            points = (
                f"{given} of {format_points(entry.points)} points"
                if entry.points
                else agreeing(float(given), f"{given} point[|s]")
            )
        else:
            points = (
                agreeing(entry.points, f"not graded yet, up to {format_points(entry.points)} point[|s]")
                if entry.points
                else "a comment"
            )
        extra = f", and {format_points(entry.extra)} of extra credit" if entry.extra else ""
        parts.append(f"<p><b>{card.escape(entry.name)}</b>: {points}{extra}</p>")
        if entry.comment:
            parts.append(f"<p>{_lines(entry.comment, MAX_COMMENT_CHARS)}</p>")
        if answer := record.written.get(entry.name):
            text = _lines(answer, MAX_ANSWER_CHARS)
            parts.append(f"<details><summary>your answer</summary><p>{text}</p></details>")
    if by_hand.seconds_late:
        penalty = f"{format_points(by_hand.penalty)} point{'s' * (by_hand.penalty != 1)}"
        cost = f": {penalty} less" if by_hand.penalty else ", which costs nothing"
        parts.append(f"<p>Handed in {span(by_hand.seconds_late)} late{cost}.</p>")
    if by_hand.due and parts:
        more = f", for you {span(by_hand.seconds_more)} later" if by_hand.seconds_more else ""
        said = f" {rule[:1].upper()}{rule[1:]}." if rule else ""
        parts.append(f'<p class="quiet">Due {due_text(by_hand.due)}{more}.{card.escape(said)}</p>')
    if not parts:
        return ""
    so_far = " so far" if by_hand.waits else ""
    total = f"<p>All together{so_far}: <b>{by_hand}</b>.</p>"
    return f'<h2>Graded by hand</h2><div class="hand">{"".join(parts)}{total}</div>'


def index_page(
    lesson: str, records: Sequence[Record], by_hand: dict[str, ManualGrades], names: dict[str, Student]
) -> str:
    """All students of a lesson, with links to their pages."""
    rows = []
    for record in records:
        manual, student = by_hand.get(record.student), names.get(record.student, Student(record.student))
        where = f"{quote(record.student)}/{quote(record.lesson)}/{quote(record.lesson)}.html"
        earned, points = record.data.get("earned", 0), record.data.get("points", 0)
        repairs = len(record.data.get("notes", ()))
        to_look_at = sum(bool(one.get("reached")) for one in record.data.get("exercises", ()))
        copied = [one["name"] for one in record.data.get("exercises", ()) if one.get("course_text")]
        notes = [
            {"graded": "", "unreadable": "could not be read", "failed": "the grader failed"}[record.status],
            f"{repairs} repair{'s' * (repairs != 1)}" if repairs else "",
            "it is not known when it came" if UNTIMED in record.data.get("notes", ()) else "",
            late_note(manual) if manual else "",
            f"by hand: {', '.join(manual.overruled)}" if manual and manual.overruled else "",
            "waits to be graded by hand" if manual and manual.waits else "",
            f"{to_look_at} answer{'s' * (to_look_at != 1)} to look at: see the report" if to_look_at else "",
            f"the course's own text in {', '.join(copied)}" if copied else "",
        ]
        whole = str(manual).replace(" points", "") if manual else ""
        rows.append(
            f'<tr><td><a href="{where}">{card.escape(record.student)}</a></td>'
            f"<td>{card.escape(f'{student.first_name} {student.last_name}'.strip())}</td>"
            f'<td class="roomy">{bar(earned / points if points else 0)}</td>'
            f'<td class="number">{earned} of {points}</td>'
            f'<td class="number">{whole}</td><td class="quiet">{card.escape("; ".join(filter(None, notes)))}</td></tr>'
        )
    graded = {record.student for record in records}
    missing = [card.escape(name) for name in names if name not in graded]
    absent = f"<p>Nothing graded from {len(missing)}: {', '.join(missing)}.</p>" if missing else ""
    head = (
        '<tr><th>student</th><th>name</th><th class="roomy"></th><th class="number">checks</th>'
        '<th class="number">all together</th><th></th></tr>'
    )
    title = lesson_title(lesson)
    table = f'<div class="wide"><table class="students">{head}{"".join(rows)}</table></div>'
    intro = f"<h1>{card.escape(title)}</h1><p>{len(records)} graded. Each line leads to the page of that student.</p>"
    return page(f"Feedback: {title}", f"{intro}{table}{absent}", width="none", style=INDEX_STYLE)


def late_note(manual: ManualGrades) -> str:
    """How late something came, what that cost, and an extension, in a few words; empty where there is none of them."""
    late = f"{span(manual.seconds_late)} late" if manual.seconds_late else ""
    cost = f", {format_points(manual.penalty)} off" if manual.penalty else ""
    more = f"{span(manual.seconds_more)} more given" if manual.seconds_more else ""
    return "; ".join(filter(None, (late + cost, more)))


def write_tickets(course: Course, record: Record, folder: Path) -> None:
    """The two small files by which `nbgrader release_feedback` finds out whose page it is."""
    handed_in = course.submitted / record.student / record.lesson / "submission_secret.txt"
    try:
        ticket = contents(handed_in, largest=MAX_TICKET_BYTES)
    except Unreadable:  # it did not come through the exchange, and nobody will fetch the page there
        about = f"{record.student}\0{record.lesson}\0{record.sha256}"
        ticket = hmac.new(course.secret().encode(), about.encode(), hashlib.sha256).hexdigest().encode()
    write_whole(folder / "submission_secret.txt", ticket)
    when = record.submitted_at or record.graded_at
    write_whole(folder / "timestamp.txt", nbgrader_time(when))


def _lines(text: str, longest: int) -> str:
    return card.escape(text, longest).replace("\n", "<br>")
