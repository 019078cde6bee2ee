"""A regrade request: the text on a student's page says whose case is meant, and what came of it is logged."""

import csv
import re

import pytest
from toy_class import NAME, RIGHT, hand_in, make_course, notebook, table
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.records import Change, Records
from storyteller_grading.classroom.regrade_requests import find_request, log_csv
from storyteller_grading.cli import app

WRONG = RIGHT | {"half": "def half(number):\n    return number"}
QUOTED = re.compile(rf"<code>({NAME}/half/[^<]+)</code>")


@pytest.fixture(scope="module")
def graded(tmp_path_factory, home):
    """Ada and Bob handed in the same wrong notebook, and have their pages."""
    course = make_course(tmp_path_factory.mktemp("regrade") / "course")
    for student in ("ada", "bob"):
        hand_in(course, student, notebook(home, WRONG))
    for command in ("autograde", "feedback"):
        options = ["--jobs", "1", "--unsafe"] if command == "autograde" else []
        done = CliRunner().invoke(app, [command, str(home), "--course", str(course.folder), *options])
        assert done.exit_code == 0, done.output
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
    for wrong in (mine[0][:-1] + ("0" if mine[0][-1] != "0" else "1"), mine[0].replace("/half/", "/double/")):
        with pytest.raises(StorytellerError, match="is nobody's"):
            find_request(graded, wrong)
    with pytest.raises(StorytellerError, match="copy it whole"):
        find_request(graded, f"{NAME}/half")


def test_regrade_takes_the_text_gives_points_and_logs_both(graded, home):
    text = quoted(graded, "ada")[0]
    options = ["--course", str(graded.folder), "--unsafe", "--by", "prof", "--why", "The text was unclear."]
    done = CliRunner().invoke(app, ["regrade", text, str(home), "--give", "15", *options], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert "ada, 09_toys, half" in done.output
    assert re.search(r"80 -> 80 of 100 points; 0 of \d+ cases changed", done.output)
    assert "half overruled: 0 points -> 15 points" in done.output
    assert table(graded)["ada"]["half-check"][1] == 15.0
    assert table(graded)["ada"]["half comment"] == "The text was unclear."
    assert table(graded)["bob"]["half-check"][1] is None
    done = CliRunner().invoke(app, ["export", "--regrades", "--course", str(graded.folder)])
    assert "2 entries" in done.output, done.output
    with open(graded.folder / "regrades.csv", encoding="utf-8-sig", newline="") as file:
        again, overruled = csv.DictReader(file)
    assert (again["who"], again["student"], again["quote"], again["what"]) == ("prof", "ada", text, "graded again")
    assert again["before"] == again["after"] == "80 points"
    assert (overruled["before"], overruled["after"]) == ("0 points", "15 points")
    assert overruled["why"] == "The text was unclear."


def test_points_need_a_case_and_may_not_be_more_than_there_are(graded, home):
    options = ["--course", str(graded.folder), "--unsafe"]
    for arguments, said in (
        (["ada", str(home), "--give", "5"], "--give needs the text"),
        ([quoted(graded, "bob")[0], str(home), "--give", "21"], "half has 20 points"),
    ):
        with pytest.raises(StorytellerError, match=said):
            CliRunner().invoke(app, ["regrade", *arguments, *options], catch_exceptions=False)


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
