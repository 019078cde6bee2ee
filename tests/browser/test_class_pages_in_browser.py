"""The instructor's pages fit a phone and a wide window, in light and in dark."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import chromium

from repository import ROOT
from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_grading.classroom.autograde.gradebook import ManualGrades
from storyteller_grading.classroom.autograde.records import Record
from storyteller_grading.classroom.reports.class_report import report_page
from storyteller_grading.classroom.reports.feedback import index_page, student_page
from storyteller_grading.classroom.reports.statistics import lesson_statistics
from storyteller_grading.classroom.roster import Student
from storyteller_grading.judge.judge import SubmissionResult
from storyteller_grading.judge.report import as_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
]
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
# The contrast of WCAG 2.2, 1.4.3, of text and ground, and how far the page can be moved to the right.
LOOK = """() => {
  const parts = color => color.match(/[0-9.]+/g).slice(0, 3).map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = color => { const [r, g, b] = parts(color); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const style = getComputedStyle(document.body), ground = light(style.backgroundColor);
  const against = color => { const other = light(color);
    return (Math.max(other, ground) + 0.05) / (Math.min(other, ground) + 0.05); };
  const worst = selector => Math.min(...[...document.querySelectorAll(selector)].map(one =>
    against(getComputedStyle(one).color)));
  return { ground, text: against(style.color), quiet: worst('.quiet'), links: worst('a'),
    over: document.documentElement.scrollWidth - innerWidth, wide: document.body.clientWidth,
    tables: Math.min(...[...document.querySelectorAll('table')].map(one => one.getBoundingClientRect().width)),
    prose: Math.max(0, ...[...document.querySelectorAll('p, li')].map(one => one.getBoundingClientRect().width)) };
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Report and index of sixty students, some late, and the page of one of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tests" / "grading"))
        from toy_class import NAME, POINTS, outcome
    records, by_hand, roster = [], {}, []
    for number in range(60):
        student = f"a.student.with.a.long.name{number}"
        earned = {name: points for place, (name, points) in enumerate(POINTS.items()) if (number + place) % 3}
        found = outcome(student, earned)
        about = {"id": number + 1, "submitted_at": WHEN, "graded_at": WHEN, "booked": True}
        records.append(Record(**vars(found) | about))
        late = 90_000.0 * (number % 7 == 0)
        by_hand[student] = ManualGrades(score=50, points=110, penalty=late / 9000, seconds_late=late, due=WHEN)
        roster.append(Student(student, "Adalbert", "Lovelace-Byron"))
    folder = tmp_path_factory.mktemp("pages")
    rule = "10 points off for each day begun after the due date, at most 50"
    report = report_page([lesson_statistics(NAME, records)], roster, {NAME: by_hand}, rule)
    index = index_page(NAME, records, by_hand, {one.id: one for one in roster})
    cases = [
        CaseResult(id="a", title="is right", points=9, earned=9 * passed, passed=passed) for passed in (True, False)
    ]
    exercises = [ExerciseResult(name=name, points=18, earned=9, solved=False, cases=cases) for name in POINTS]
    judged = as_page(SubmissionResult(lesson=NAME, notebook=f"{NAME}.ipynb", exercises=exercises))
    student = student_page(replace(records[0], page=judged), by_hand[records[0].student])
    for name, page in (("report", report), ("index", index), ("student", student)):
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


def test_pages_fit_every_window_and_follow_light_and_dark(pages):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for width in (390, 1280):
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                tab = context.new_page()
                for name in ("report", "index", "student"):
                    tab.goto((pages / f"{name}.html").as_uri())
                    look = tab.evaluate(LOOK)
                    assert look["over"] <= 0, (name, scheme, width, look)
                    assert look["wide"] >= 0.95 * width
                    assert look["tables"] >= 0.9 * width, (name, look)
                    assert look["prose"] <= 50 * 16, (name, look)
                    assert (look["ground"] < 0.1) == (scheme == "dark")
                    assert min(look["text"], look["quiet"] or 9, look["links"] or 9) >= 4.5, (name, scheme, look)
                context.close()
        browser.close()
