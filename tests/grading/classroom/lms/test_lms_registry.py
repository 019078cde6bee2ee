"""Another learning management system is one file and one line in the registry: export and collect know it then."""

import csv
import importlib
import re

import pytest
import typer
from toy_class import NAME, make_course, outcome
from toy_collect import course_with_roster, handed_in, zip_of
from typer.testing import CliRunner

from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.intake.collect import collect
from storyteller_grading.classroom.lms import registry
from storyteller_grading.classroom.lms.canvas import CANVAS
from storyteller_grading.classroom.lms.grades_csv import export_grades
from storyteller_grading.classroom.lms.moodle import MOODLE
from storyteller_grading.classroom.lms.system import Claim, Limit, System
from storyteller_grading.commands import course as course_commands
from storyteller_grading.commands import results as results_commands


def read_path(folders, file):
    """Made up: a folder `101-9 - Ada Lovelace - 1 March`, which holds what was handed in."""
    match = re.fullmatch(r"[0-9]+-[0-9]+ - (.+) - (.+)", folders[0]) if folders else None
    return Claim((match[1],), file=file) if match else None


def rows(course, grades, columns):
    yield ["OrgDefinedId", *(f"{columns.get(lesson, lesson)} Points Grade" for lesson in grades.lessons), "End"]
    for student, earned in grades.points:
        yield [student.id, *grades.cells(earned, no_grade="none"), "#"]


SPACEBRIGHT = System(
    name="spacebright",
    title="Spacebright",
    rows=rows,
    encoding="ascii",
    limit=Limit(points=60, unless="unless its stars say so"),
    read_path=read_path,
    is_student_folder=lambda name: " - " in name,
)


@pytest.fixture
def registered(monkeypatch):
    """What the line in the registry does, and then a new start of the program."""
    with monkeypatch.context() as patch:
        patch.setitem(registry.SYSTEMS, SPACEBRIGHT.name, SPACEBRIGHT)
        importlib.reload(course_commands)
        importlib.reload(results_commands)
        yield
    importlib.reload(course_commands)
    importlib.reload(results_commands)


@pytest.fixture
def graded(tmp_path, home):
    course = make_course(tmp_path / "course")
    with Records(course.records_file) as records, LessonBook(course, NAME, home / f"{NAME}.ipynb") as book:
        for one in (outcome("ada", written=""), outcome("bob", {"double": 50}, written="")):
            records.put(one, None)
            book.book(records.latest(NAME, one.student), None)
        book.gradebook.update_or_create_student("cyd")
        book.gradebook.db.commit()
    return course


def app_of(command, **options):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command(**options)(command)
    return app


def test_grades_are_written_in_its_form(registered, graded, tmp_path):
    done = export_grades(graded, "spacebright", tmp_path / "grades.csv", columns={NAME: "Toys"})
    with open(done.file, encoding="ascii", newline="") as file:
        assert list(csv.reader(file)) == [
            ["OrgDefinedId", "Toys Points Grade", "End"],
            ["ada", "100", "#"],
            ["bob", "50", "#"],
            ["cyd", "none", "#"],
        ]
    assert done.above == ["ada"]


def test_the_command_takes_it_and_says_what_it_refuses(registered, graded):
    app = app_of(results_commands.export, help=results_commands.HELP)
    result = CliRunner().invoke(app, ["--course", str(graded.folder), "--format", "spacebright"])
    assert result.exit_code == 0, result.output
    assert (graded.folder / "grades-spacebright.csv").is_file()
    assert "1 has more than 60 in a lesson, which Spacebright refuses unless its stars say so;" in result.output


def test_the_help_names_it(registered, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = CliRunner().invoke(app_of(results_commands.export, help=results_commands.HELP), ["--help"]).output
    assert "a csv for Canvas, Moodle or Spacebright, or as nbgrader does." in text
    assert "canvas|moodle|nbgrader|spacebright" in text
    assert "Percent in place of points, for Canvas, Moodle and Spacebright." in text
    text = CliRunner().invoke(app_of(course_commands.collect), ["--help"]).output
    assert "the zip of Canvas, Moodle or Spacebright;" in text


def test_what_was_handed_in_there_is_collected(registered, tmp_path):
    course = course_with_roster(tmp_path / "course")
    files = {
        "101-9 - Ada Lovelace - 1 March/work.ipynb": "ada's",
        "102-9 - Alan Turing - 2 March/toys.ipynb": "alan's",
    }
    collected = collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert collected.new == ["ada", "alan"]
    assert handed_in(course) == {"ada": "ada's", "alan": "alan's"}


def test_the_folder_of_one_whom_the_roster_lacks_is_not_taken_for_one_around_all(registered, tmp_path):
    course = course_with_roster(tmp_path / "course")
    files = {"103-9 - Grace Hopper - 1 March/ada.ipynb": "whose?"}
    collected = collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert list(collected.unmatched) == ["103-9 - Grace Hopper - 1 March/ada.ipynb"]


def test_without_the_line_nothing_knows_it(tmp_path):
    course = course_with_roster(tmp_path / "course")
    collected = collect(course, NAME, zip_of(tmp_path / "all.zip", {"101-9 - Ada Lovelace - 1 March/x.ipynb": "ada's"}))
    assert collected.new == []
    assert registry.names() == ["canvas", "moodle", "nbgrader"]
    assert registry.titles() == ["Canvas", "Moodle"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("lovelaceada_1001_77_toys.ipynb", ("lovelaceada",)),
        ("Ada Lovelace_12_assignsubmission_file_toys.ipynb", ("Ada Lovelace",)),
        ("x_1_assignsubmission_file_2_3_toys.ipynb", ("x",)),  # both could take it
    ],
)
def test_a_path_is_read_by_the_first_that_knows_its_form(path, names):
    *folders, file = path.split("/")
    claims = [
        claim for system in registry.SYSTEMS.values() if system.read_path and (claim := system.read_path(folders, file))
    ]
    assert claims[0].names == names
    assert list(registry.SYSTEMS.values())[:2] == [MOODLE, CANVAS]
