"""What goes to Canvas, Moodle and spreadsheets: the points of nbgrader's gradebook, and nothing that computes."""

import csv
import shutil
from datetime import UTC, datetime

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin
from toy_class import NAME, make_course, outcome
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import LessonBook, read_manual_grades
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.grades_csv import FORMULA, export_grades, harmless, read_grades
from storyteller_grading.classroom.lms.moodle import NO_GRADE
from storyteller_grading.cli import app

ROSTER = """\
id,first_name,last_name,email,lms_user_id
ada,Ada,Lovelace,ada@example.org,1001
bob,Böb,"=cmd|' /C calc'!A1",bob@example.org,1002
cyd,Cyd,"O'Neil, Jr.",cyd@example.org,
late,Lou,Late,lou@example.org,1004
"""
LATE = "c.LateSubmissionPlugin.penalty_method = 'zero'"
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def course(tmp_path_factory, home):
    """Ada has all and 7 points by hand; Böb half, in words unread; Cyd as well, without words; Lou is late."""
    made = make_course(tmp_path_factory.mktemp("export") / "course", LATE)
    made.roster_file.write_text(ROSTER, encoding="utf-8")
    half = {"double": 50}
    handed_in = [
        (outcome("ada"), None),
        (outcome("bob", half), None),
        (outcome("cyd", half | {"half": 20}, written=""), None),
        (outcome("late", written=""), WHEN),
        (outcome("nobody", half, written=""), None),
    ]
    with Records(made.records_file) as records, LessonBook(made, NAME, home / f"{NAME}.ipynb") as book:
        book.gradebook.update_or_create_assignment(NAME, duedate="2026-02-28 12:00:00")
        for one, when in handed_in:
            records.put(one, when)
            book.book(records.latest(NAME, one.student), None)
        grade = book.gradebook.find_grade("why", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 7.0, False
        book.gradebook.update_or_create_student("absent", first_name="Abe", last_name="Sent")
        book.gradebook.db.commit()
    return made


def rows_of(file, encoding="utf-8-sig"):
    with open(file, encoding=encoding, newline="") as opened:
        return list(csv.reader(opened))


def test_points_are_those_of_the_gradebook(course):
    grades = read_grades(course)
    assert grades.lessons == {NAME: 110.0}
    points = {student.id: earned.get(NAME) for student, earned in grades.points}
    assert points == {"ada": 107.0, "bob": 50.0, "cyd": 70.0, "late": 0.0, "nobody": 50.0, "absent": None}
    assert grades.waiting == [f"bob ({NAME})"]


def test_nbgraders_own_exporter_agrees(course, tmp_path):
    exporter = CsvExportPlugin(to=str(tmp_path / "theirs.csv"))
    with Gradebook(course.gradebook_url) as book:
        exporter.export(book)
    lines = (tmp_path / "theirs.csv").read_text(encoding="utf-8").splitlines()[1:]
    theirs = {line.split(",")[3]: float(line.split(",")[-2]) for line in lines}
    assert theirs == {student.id: earned.get(NAME, 0.0) for student, earned in read_grades(course).points}


def test_canvas_gets_its_columns_a_line_of_most_points_and_nothing_that_computes(course, tmp_path):
    done = export_grades(course, "canvas", tmp_path / "grades.csv", columns={NAME: "Toys (4711)"})
    assert rows_of(done.file) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Toys (4711)"],
        ["    Points Possible", "", "", "", "", "110"],
        ["Sent, Abe", "", "", "absent", "", ""],
        ["Lovelace, Ada", "1001", "", "ada", "", "107"],
        ["'=cmd|' /C calc'!A1, Böb", "1002", "", "bob", "", "50"],
        ["O'Neil, Jr., Cyd", "", "", "cyd", "", "70"],
        ["Late, Lou", "1004", "", "late", "", "0"],
        ["nobody", "", "", "nobody", "", "50"],
    ]
    assert done.disarmed == ["=cmd|' /C calc'!A1, Böb"]
    assert done.file.read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel


def test_moodle_gets_columns_to_map(course, tmp_path):
    done = export_grades(course, "moodle", tmp_path / "grades.csv")
    found = rows_of(done.file)
    assert found[0] == ["First name", "Surname", "ID number", "Email address", NAME]
    assert found[2] == ["Ada", "Lovelace", "1001", "ada@example.org", "107"]
    assert found[3] == ["Böb", "'=cmd|' /C calc'!A1", "1002", "bob@example.org", "50"]
    assert found[4] == ["Cyd", "O'Neil, Jr.", "cyd", "cyd@example.org", "70"]
    assert found[1][-1] == NO_GRADE  # an empty cell of a new column may become 0 there
    assert done.above == ["ada"]


@pytest.mark.parametrize(("form", "row"), [("canvas", 3), ("moodle", 2)])
def test_percent_fits_what_moodle_takes(course, tmp_path, form, row):
    done = export_grades(course, form, tmp_path / "grades.csv", percent=True)
    found = rows_of(done.file)
    assert found[row][-1] == "97.27"  # 107 of 110
    assert form == "moodle" or found[1][-1] == "100"
    assert done.above == []


@pytest.mark.parametrize("form", ["canvas", "moodle", "nbgrader"])
def test_no_cell_begins_like_a_formula(course, tmp_path, form):
    shutil.copytree(course.folder, tmp_path / "course")
    copy = Course.open(tmp_path / "course")
    begins = FORMULA
    with Gradebook(copy.gradebook_url) as book:
        book.update_or_create_student("cyd", last_name="ONeil")
        for number, first in enumerate(begins):
            book.update_or_create_student(f"evil{number}", first_name=f"{first}SUM(1)", last_name=f"{first}SUM(1)")
    copy.roster_file.unlink()
    cells = [cell for row in rows_of(export_grades(copy, form, tmp_path / "grades.csv").file) for cell in row]
    assert [cell for cell in cells if cell.startswith(FORMULA) and cell != NO_GRADE] == []
    assert all(any(cell.startswith(f"'{first}SUM(1)") for cell in cells) for first in begins)


@pytest.mark.parametrize("name", ["O'Neil, Jr.", "O'Neil\rJr."])
def test_a_name_that_nbgraders_exporter_would_tear_apart_is_refused(course, tmp_path, name):
    with Gradebook(course.gradebook_url) as book:
        book.update_or_create_student("cyd", last_name=name)
    with pytest.raises(StorytellerError, match="tears a name with a comma or a line's end in two"):
        export_grades(course, "nbgrader", tmp_path / "grades.csv")
    assert not (tmp_path / "grades.csv").exists()


def test_the_command_names_who_waits_and_what_it_disarmed(course, tmp_path):
    result = CliRunner().invoke(app, ["export", "--course", str(course.folder), "--out", str(tmp_path / "g.csv")])
    assert result.exit_code == 0
    assert "6 students:" in result.output
    assert f"bob ({NAME})" in result.output
    assert "=cmd|' /C calc'!A1, Böb" in result.output
    assert "does not stand in roster.csv, so nobody knows the name; mend it: nobody" in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--column", "01 Data"], "is no such thing as"),
        (["02"], "has no grades of 02_understanding_transformers"),
        (["--course", "nowhere"], "is no course"),
        (
            ["--column", "02=Data", "01"],
            "names 02_understanding_transformers, and only 01_data_preparation is exported",
        ),
        (["--out", "{course}/file/grades.csv"], "cannot be written"),
        (["--out", "{course}/secret"], "is the course's own, and nothing is written over it"),
        (["--regrades", "--out", "{course}/roster.csv"], "is the course's own"),
        (["--out", "{course}/submitted/ada/grades.csv"], "is the course's own"),
        (["--out", "{course}"], "is a folder"),
    ],
)
def test_what_cannot_be_exported_is_said(course, options, said):
    (course.folder / "file").write_bytes(b"")
    options = [option.format(course=course.folder) for option in options]
    options += ["--course", str(course.folder)] * ("--course" not in options)
    with pytest.raises(StorytellerError, match=said):
        CliRunner().invoke(app, ["export", *options], catch_exceptions=False)


def test_a_course_that_nobody_graded_says_what_to_do(tmp_path):
    with pytest.raises(StorytellerError, match="has no gradebook yet: run storyteller-grade autograde"):
        read_grades(make_course(tmp_path / "course"))


def test_where_nobody_handed_in_the_file_of_before_stays(tmp_path, home):
    course = make_course(tmp_path / "course")
    with LessonBook(course, NAME, home / f"{NAME}.ipynb"):
        pass
    file = tmp_path / "grades.csv"
    file.write_text("the grades of before", encoding="utf-8")
    with pytest.raises(StorytellerError, match=f"Nobody has a grade of {NAME} yet"):
        export_grades(course, "canvas", file)
    assert file.read_text(encoding="utf-8") == "the grades of before"


@pytest.mark.parametrize("read", [read_grades, lambda course: read_manual_grades(course, NAME)])
def test_a_damaged_gradebook_is_one_sentence(tmp_path, read):
    course = make_course(tmp_path / "course")
    (course.folder / "gradebook.db").write_text("no database", encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"gradebook.db cannot be read \(file is not a database\)"):
        read(course)


@pytest.mark.parametrize(
    "cell", ["=1+1", "＝1+1", "＋1", "－1", "＠SUM(1)", "﹦1", "﹢1", "﹣1", "﹫x", " =1", "\t=1", "\n+1", "\u3000＝1"]
)
def test_no_form_of_a_sign_begins_a_formula(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-", "", "Ada", "山田", "1-2", "a=b", "o@x.org"])
def test_what_is_no_formula_stays_as_it_is(cell):
    assert harmless(cell) == cell
