"""The report of a class recovers what was planted, is one static page, and is the same from the same records."""

import csv
import io
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from class_course import GradedClass, make_course
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.reports.class_report import points_table, report_page, write_report
from storyteller_grading.classroom.reports.feedback import index_page
from storyteller_grading.classroom.reports.statistics import correlation, lesson_statistics, quantile
from storyteller_grading.cli import app


@pytest.fixture(scope="module")
def graded(rehearsed) -> GradedClass:
    return rehearsed


@pytest.fixture(scope="module")
def found(graded):
    return lesson_statistics(graded.lesson.name, graded.records)


def planted(graded, name):
    return [one["exercises"][name] for one in graded.plan["students"]]


def test_the_planted_shares_of_points_are_recovered(graded, found):
    assert len(found.totals) == len(graded.plan["students"])
    for item in found.items:
        wanted = np.mean([each["earned"] / item.points for each in planted(graded, item.name)])
        assert item.share == pytest.approx(wanted)
    assert 0 < min(item.share for item in found.items) < max(item.share for item in found.items) < 1


def test_answers_with_the_courses_own_text_are_named_in_report_and_index(graded, found):
    """The reference pasted is, an answer in another style is not; on the student's own page there is nothing of it."""
    origin, name = "the course's own count_next", "count_next"
    planted = {
        one["id"]: one["exercises"][name]["answer"] for one in graded.plan["students"] if one["kind"] != "damaged"
    }
    pasted = {student for student, answer in planted.items() if answer == "reference"}
    assert pasted
    assert {found.course_text[student][name] for student in pasted} == {origin}
    styles = {student for student, answer in planted.items() if answer in ("with_counters", "with_sets")}
    assert styles
    assert not [student for student in styles if name in found.course_text.get(student, {})]
    [student, *_] = sorted(pasted)
    assert (
        f"<td>{student}</td><td>{name}</td><td><code></code></td><td>the course&#x27;s own {name}</td>"
        in report_page([found], [])
    )
    records = [record for record in graded.records if record.student in (student, sorted(styles)[0])]
    index = index_page(graded.lesson.name, records, {}, {})
    assert index.count(f"the course&#x27;s own text in {name}") == 1
    assert not [record for record in records if "own text" in record.page]


def test_discrimination_is_numpys_correlation_with_the_rest(graded, found):
    totals = np.array([one["earned"] for one in graded.plan["students"]], dtype=float)
    for item in found.items:
        own = np.array([each["earned"] for each in planted(graded, item.name)], dtype=float)
        assert item.discrimination == pytest.approx(np.corrcoef(own, totals - own)[0, 1])


def test_the_planted_mistakes_are_recovered_with_their_explanations(graded, found):
    seen = 0
    for item in found.items:
        untouched = {each["answer"] for each in planted(graded, item.name)} & {"stub"}
        wanted: dict[str, int] = {}
        for each in planted(graded, item.name):
            if each["mistake"]:
                wanted[each["mistake"]] = wanted.get(each["mistake"], 0) + 1
        assert {one.name: one.count for one in item.mistakes} == wanted
        assert [one.count for one in item.mistakes] == sorted(wanted.values(), reverse=True)
        words = {wrong.name: wrong.explanation for wrong in graded.lesson.mistakes(item.name)}
        assert all(one.explanation == words[one.name] for one in item.mistakes)
        assert (item.untouched > 0) >= bool(untouched and not graded.lesson.exercises[item.name].bug_hunt)
        seen += len(wanted)
    assert seen >= 4


def test_totals_have_the_mean_median_and_deviation_of_numpy(graded, found):
    totals = [one["earned"] for one in graded.plan["students"]]
    assert found.totals == {one["id"]: one["earned"] for one in graded.plan["students"]}
    assert (found.mean, found.median) == (pytest.approx(np.mean(totals)), pytest.approx(np.median(totals)))
    assert found.deviation == pytest.approx(np.std(totals))


def test_who_is_stuck_is_at_the_first_exercise_that_is_not_half_done(graded, found):
    for one in graded.plan["students"]:
        halves = [name for name, each in one["exercises"].items()
                  if each["earned"] < 0.5 * graded.lesson.exercises[name].points]  # fmt: skip
        assert found.stuck.get(one["id"], "") == (halves[0] if halves else "")


def test_correlation_and_quantiles_agree_with_numpy():
    dice = np.random.default_rng(1)
    one, other = dice.normal(size=30), dice.normal(size=30)
    assert correlation(list(one), list(other)) == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert correlation([1.0], [2.0]) is None
    for share in (0, 0.25, 0.95, 1):
        assert quantile(list(one), share) == pytest.approx(np.quantile(one, share))
    assert quantile([], 0.5) == 0


def test_a_failed_grading_is_listed_and_counts_for_nobodys_average(graded, found):
    lost = replace(graded.records[0], status="failed", data={}, failure="the sandbox <b>broke</b>")
    other = lesson_statistics(graded.lesson.name, [lost, *graded.records[1:]])
    rest = [one["earned"] for one in graded.plan["students"][1:]]
    assert other.mean == pytest.approx(np.mean(rest))
    page = report_page([other], [])
    assert "the sandbox &lt;b&gt;broke&lt;/b&gt;" in page
    assert "<b>1</b>failed to grade" in page
    assert found.failures.keys() == {one.student for one in graded.records if one.status != "graded"}


def test_a_lesson_that_the_grader_failed_for_all_still_has_a_report(graded):
    lost = [replace(one, status="failed", data={}, failure="no disk") for one in graded.records]
    page = report_page([lesson_statistics(graded.lesson.name, lost)], [])
    assert page.count("no disk") == len(lost)


def test_the_page_is_one_file_without_scripts_links_out_or_markup_of_a_students(graded):
    hostile = replace(
        graded.records[3],
        student="<script>alert(1)</script>",
        data={**graded.records[3].data, "notes": ["<img src=x onerror=alert(1)>"]},
    )
    page = report_page([lesson_statistics(graded.lesson.name, [*graded.records, hostile])], graded.course.students())
    assert "<script" not in page
    assert "<img" not in page
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page
    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) == set()
    assert not re.search(r"https?://|url\(|@import", page)
    assert page.count("<svg") == 1


def test_the_same_records_give_the_same_bytes(graded, tmp_path):
    pages = []
    for name in ("one", "again"):
        write_report(graded.course, [], tmp_path / f"{name}.html", tmp_path / f"{name}.csv")
        pages.append((tmp_path / f"{name}.html").read_bytes() + (tmp_path / f"{name}.csv").read_bytes())
    assert pages[0] == pages[1]


def test_the_table_has_every_point_and_no_formula(graded):
    formula = replace(graded.records[0], student="=1+1")
    found = lesson_statistics(graded.lesson.name, [*graded.records, formula])
    rows = list(csv.DictReader(io.StringIO(points_table([found]))))
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["student"]] = sums.get(row["student"], 0) + int(row["points"])
    assert {one["id"]: one["earned"] for one in graded.plan["students"]}.items() <= sums.items()
    assert "'=1+1" in sums
    assert "=1+1" not in sums
    mistakes = {(row["student"], row["exercise"]): row["mistake"] for row in rows if row["mistake"]}
    assert mistakes.items() >= {(one["id"], name): each["mistake"] for one in graded.plan["students"]
                                for name, each in one["exercises"].items() if each["mistake"]}.items()  # fmt: skip


def test_the_command_writes_page_and_table(graded, tmp_path):
    done = CliRunner().invoke(
        app,
        [
            "report",
            "--course",
            str(graded.course.folder),
            "--out",
            str(tmp_path / "r.html"),
            "--csv",
            str(tmp_path / "t.csv"),
        ],
    )
    assert done.exit_code == 0, done.output
    assert "r.html" in done.output
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Lesson 06: Next letter" in page
    assert math.isfinite(float(re.findall(r"<b>([\d.]+) of 100</b>mean of the checks", page)[0]))
    assert (tmp_path / "t.csv").is_file()
    assert str(tmp_path / "t.csv") in done.output


@pytest.mark.parametrize("options", [["--csv", "roster.csv"], ["--out", "secret"], ["--csv", "report.html"]])
def test_the_command_writes_over_no_file_that_is_not_its_own(graded, monkeypatch, options):
    monkeypatch.chdir(graded.course.folder)
    before = {path: path.read_bytes() for path in (graded.course.roster_file, graded.course.secret_file)}
    with pytest.raises(StorytellerError, match="name another file"):
        CliRunner().invoke(app, ["report", *options], catch_exceptions=False)
    assert {path: path.read_bytes() for path in before} == before


def test_a_course_without_gradings_has_no_report(tmp_path):
    with pytest.raises(StorytellerError, match="Nothing was graded yet"):
        write_report(make_course(tmp_path), [], tmp_path / "report.html")
