"""Late work: marked and free of cost as it comes, points off by a rule of the course, and more time for some."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.api import Gradebook
from toy_class import NAME, make_course, outcome, table
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import LessonBook, read_manual_grades
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.extensions import give_more_time
from storyteller_grading.classroom.lateness import late_rule, read_extensions
from storyteller_grading.classroom.reports.class_report import late_work
from storyteller_grading.classroom.reports.feedback import manual_section
from storyteller_grading.cli import app

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = "c.AssignLatePenalties.plugin_class = 'storyteller_grading.classroom.late_penalty.LatePerDay'\n"
TEN = f"{RULE}c.LatePerDay.points = 10\nc.LatePerDay.most = 50\nc.LatePerDay.grace_minutes = 15"
HANDED_IN = {"ada": timedelta(hours=25), "bob": timedelta(hours=-1), "cyd": timedelta(minutes=14)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory, home):
    """Ada is 25 hours late, Cyd 14 minutes, Bob is on time; each day begun costs ten points."""
    made = make_course(tmp_path_factory.mktemp("late") / "course", TEN)
    made.roster_file.write_text("id,first_name\nada,Ada\nbob,Bob\ncyd,Cyd\n", encoding="utf-8")
    with Records(made.records_file) as records, LessonBook(made, NAME, home / f"{NAME}.ipynb") as book:
        book.gradebook.update_or_create_assignment(NAME, duedate=DUE.replace(tzinfo=None))
        for student, late in HANDED_IN.items():
            records.put(outcome(student), DUE + late)
            book.book(records.latest(NAME, student), None)
    return made


def extend(course, home, *arguments):
    return CliRunner().invoke(app, ["extend", *arguments, "--course", str(course.folder)])


def penalties(course):
    return {student: row["penalty"] for student, row in table(course).items()}


def test_each_day_begun_costs_its_points_and_grace_costs_nothing(graded):
    assert penalties(graded) == {"ada": 20.0, "bob": 0.0, "cyd": 0.0}


def test_an_extension_takes_the_penalty_back_and_its_end_brings_it_again(graded, home):
    done = extend(graded, home, "ada", str(home), "--days", "2")
    assert done.exit_code == 0, done.output
    assert "on time now" in done.output
    assert not penalties(graded)["ada"]
    [found] = [manual for name, manual in read_manual_grades(graded, NAME).items() if name == "ada"]
    assert (found.seconds_late, found.seconds_more, found.due) == (0.0, 2 * 86400.0, DUE)
    assert read_extensions(graded) == {("ada", NAME): 2.0}
    assert f"ada: 2 days more in {NAME}" in extend(graded, home).output
    assert "1 day and 1 hour late now, 20 points off" in extend(graded, home, "ada", str(home), "--days", "0").output
    assert penalties(graded)["ada"] == 20.0


def test_a_line_for_the_lesson_goes_before_one_for_all_lessons(graded, home):
    graded.extensions_file.write_text(f"student,lesson,days\nada,,9\nada,{NAME},0.5\n", encoding="utf-8")
    with LessonBook(graded, NAME, home / f"{NAME}.ipynb") as book:
        book.settle_lateness()
    assert penalties(graded)["ada"] == 10.0  # 13 hours late
    graded.extensions_file.unlink()
    with Gradebook(graded.gradebook_url) as book:
        book.grant_extension(NAME, "ada")
    with LessonBook(graded, NAME, home / f"{NAME}.ipynb") as book:
        book.settle_lateness()
    assert penalties(graded)["ada"] == 20.0


def test_pages_and_export_say_the_rule_and_who_was_late(graded):
    by_hand, rule = read_manual_grades(graded, NAME), late_rule(graded)
    assert rule == "10 points off for each day begun after the due date, after 15 minutes of grace, at most 50"
    report = late_work(by_hand, rule)
    assert "Due 2026-03-01 12:00 UTC" in report
    assert rule in report
    assert "<td>ada</td>" in report
    assert "<td>bob</td>" not in report
    with Records(graded.records_file) as records:
        page = manual_section(records.latest(NAME, "ada"), by_hand["ada"], rule)
    assert "Handed in 1 day and 1 hour late: 20 points less." in page
    assert f"Due 2026-03-01 12:00 UTC. {rule}." in page
    done = CliRunner().invoke(app, ["export", "--course", str(graded.folder)], env={"COLUMNS": "300"})
    assert f"2 were late; the rule: {rule}: ada ({NAME}, 20 off), cyd ({NAME})" in done.output


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", "late work is marked as late, and nothing is taken off"),
        (RULE, "late work is marked as late, and nothing is taken off"),
        (f"{RULE}c.LatePerDay.points = 1", "1 point off for each day begun after the due date, at most 100"),
        ("c.LateSubmissionPlugin.penalty_method = 'zero'", "late work has 0 points"),
    ],
)
def test_a_rule_is_said_in_words(tmp_path, config, said):
    assert late_rule(make_course(tmp_path / "course", config)) == said


def test_a_rule_that_cannot_be_used_is_said(tmp_path):
    course = make_course(tmp_path / "course", f"{RULE}c.LatePerDay.points = -1")
    with pytest.raises(StorytellerError, match="rule for late work"):
        late_rule(course)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("student,days\nada,3\n", "must begin with the line student,lesson,days"),
        ("student,lesson,days\nada,,many\n", "line 2"),
        ("student,lesson,days\nada,,-1\n", "line 2"),
        ("student,lesson,days\nada,,1\nada,,2\n", "line 3, has ada a second time"),
    ],
)
def test_a_line_that_is_not_certain_is_refused(tmp_path, text, said):
    course = make_course(tmp_path / "course")
    course.extensions_file.write_text(text, encoding="utf-8")
    with pytest.raises(StorytellerError, match=said):
        read_extensions(course)


def test_wrong_input_of_the_command_is_said(graded, home, capsys):
    for arguments, said in (
        (("noone", "--days", "3"), "no student 'noone'"),
        (("ada",), "such as --days 3"),
    ):
        with pytest.raises(StorytellerError, match=said):
            CliRunner().invoke(app, ["extend", *arguments, "--course", str(graded.folder)], catch_exceptions=False)
    assert not graded.extensions_file.exists()


def test_a_student_whom_neither_the_roster_nor_a_folder_knows_gets_no_time(tmp_path, home):
    course = make_course(tmp_path / "course")
    for name in ("zed", "..", ""):
        with pytest.raises(StorytellerError, match=f"has no student {re.escape(repr(name))}"):
            give_more_time(course, name, home, 2)
    assert not course.extensions_file.exists()
    (course.submitted / "zed").mkdir(parents=True)
    assert give_more_time(course, "zed", home, 2) == [f"zed: 2 days more in {NAME}."]
