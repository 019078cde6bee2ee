"""A regrade request: the text on a student's page says whose case is meant, and what came of it is logged."""

import csv
import re
from datetime import UTC, datetime

import pytest
from nbgrader.api import Gradebook
from toy_class import NAME, RIGHT, hand_in, make_course, notebook, outcome, table
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import LessonBook, read_manual_grades
from storyteller_grading.classroom.autograde.records import Change, Records
from storyteller_grading.classroom.regrade_requests import find_request, log_csv, overrule
from storyteller_grading.classroom.reports.feedback import write_feedback
from storyteller_grading.cli import app

WRONG = RIGHT | {"half": "def half(number):\n    return number"}
QUOTED = re.compile(rf"<code>({NAME}/half/[^<]+)</code>")
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def graded(tmp_path_factory, home):
    """Ada and Bob handed in the same bytes, in which `half` is wrong, and have their pages."""
    course = make_course(tmp_path_factory.mktemp("regrade") / "course")
    with Records(course.records_file) as records, LessonBook(course, NAME, home / f"{NAME}.ipynb") as book:
        for student in ("ada", "bob"):
            records.put(outcome(student, {"double": 50, "Adder": 30}, page="<body></body>"), WHEN)
            book.book(records.latest(NAME, student), None)
    write_feedback(course, NAME)
    return course


def quoted(course, student):
    page = (course.feedback / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    return QUOTED.findall(page)


def test_a_text_on_the_page_means_one_case_of_one_student(graded):
    mine, others = quoted(graded, "ada"), quoted(graded, "bob")
    assert mine
    assert not set(mine) & set(others)  # though both handed in the same bytes
    found = find_request(graded, f" `{mine[0]}` ")
    assert (found.record.student, found.exercise, found.newer) == ("ada", "half", False)
    assert found.case["earned"] < found.case["points"]
    for wrong in (mine[0][:-1] + ("0" if mine[0][-1] != "0" else "1"), mine[0].replace("/half/", "/third/")):
        with pytest.raises(StorytellerError, match="is nobody's"):
            find_request(graded, wrong)
    with pytest.raises(StorytellerError, match="is nobody's"):
        find_request(graded, mine[0][:-1] + "é")
    with pytest.raises(StorytellerError, match="copy it whole"):
        find_request(graded, f"{NAME}/half")


def test_points_given_for_a_request_stand_in_the_gradebook_with_their_reason(graded, home):
    request = find_request(graded, quoted(graded, "ada")[0])
    with LessonBook(graded, NAME, home / f"{NAME}.ipynb") as book:
        assert overrule(book, request, 15.0, "The text was unclear.") == (0.0, 15.0)
        with pytest.raises(StorytellerError, match="half has 20 points"):
            overrule(book, request, 21.0, "")
    assert table(graded)["ada"]["half-check"][1] == 15.0
    assert table(graded)["bob"]["half-check"][1] is None
    with Gradebook(graded.gradebook_url) as book:
        [comment] = [one for one in book.find_submission_notebook(NAME, NAME, "ada").comments if one.name == "half"]
        assert comment.manual_comment == "The text was unclear."
    [entry] = [one for one in read_manual_grades(graded, NAME)["ada"].entries if one.name != "why"]
    assert (entry.name, entry.score, entry.comment) == ("half", 15.0, "The text was unclear.")
    assert read_manual_grades(graded, NAME)["ada"].overruled == {"half": 15.0}
    assert read_manual_grades(graded, NAME)["bob"].overruled == {}
    index = write_feedback(graded, NAME)[0].read_text(encoding="utf-8")
    assert index.count("by hand: half") == 1


@pytest.mark.slow
def test_the_command_takes_the_text_gives_points_and_logs_both(tmp_path, home):
    course = make_course(tmp_path / "course")
    hand_in(course, "ada", notebook(home, WRONG))
    options = ["--course", str(course.folder), "--unsafe"]
    for command in (["autograde", str(home), "--jobs", "1", *options], ["feedback", str(home), *options[:2]]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    text, options = quoted(course, "ada")[0], [*options, "--by", "prof", "--why", "The text was unclear."]
    done = CliRunner().invoke(app, ["regrade", text, str(home), "--give", "15", *options], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert f"ada, {NAME}, half" in done.output
    assert re.search(r"80 -> 80 of 100 points; 0 of \d+ cases changed", done.output)
    assert "half overruled: 0 points -> 15 points" in done.output
    assert CliRunner().invoke(app, ["feedback", str(home), *options[:2]]).exit_code == 0
    page = (course.feedback / "ada" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "95 of 100 points from the checks" in page
    assert '15 of 20<br><span class="quiet">by hand</span></td>' in page
    assert "<b>half</b>: 15 of 20 points" in page
    done = CliRunner().invoke(app, ["export", "--regrades", "--course", str(course.folder)])
    assert "2 entries" in done.output, done.output
    with open(course.folder / "regrades.csv", encoding="utf-8-sig", newline="") as file:
        again, overruled = csv.DictReader(file)
    assert (again["who"], again["student"], again["quote"], again["what"]) == ("prof", "ada", text, "graded again")
    assert again["before"] == again["after"] == "80 points"
    assert (overruled["before"], overruled["after"]) == ("0 points", "15 points")
    assert overruled["why"] == "The text was unclear."


def test_points_need_a_case(graded, home):
    arguments = ["regrade", "ada", str(home), "--give", "5", "--course", str(graded.folder)]
    with pytest.raises(StorytellerError, match="--give needs the text"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("points", ["21", "-1", "nan"])
def test_points_that_the_exercise_does_not_have_are_refused_before_anything_is_graded(graded, home, points):
    arguments = ["regrade", quoted(graded, "ada")[0], str(home), "--give", points, "--course", str(graded.folder)]
    with pytest.raises(StorytellerError, match="half has 20 points: give 0 to 20"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    with Records(graded.records_file) as records:
        assert not records.all_changes()


@pytest.mark.parametrize("name", ["..", ".", "", "_unmatched"])
def test_what_is_no_students_id_is_said(graded, name):
    with pytest.raises(StorytellerError, match="is no student's id"):
        CliRunner().invoke(app, ["regrade", name, "--course", str(graded.folder)], catch_exceptions=False)


def test_the_log_is_harmless_in_a_spreadsheet(tmp_path):
    change = Change(
        at="2026-10-02T08:15:00+00:00",
        who="=cmd|' /C calc'!A1",
        student="ada",
        lesson=NAME,
        what="graded again",
        before="1 points",
        after="2 points",
        why="+1",
    )
    with Records(tmp_path / "records.db") as records:
        records.note_change(change)
        assert records.all_changes() == [change]
    assert "\r\n2026-10-02T08:15:00+00:00,'=cmd|' /C calc'!A1,ada," in log_csv([change])
    assert log_csv([change]).endswith(",'+1\r\n")
