"""The instructor's guide in one sitting: from an empty folder to the grades of a synthetic class."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from class_course import template_lesson, write_notebooks
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from storyteller_grading.classroom.course import Course
from storyteller_grading.cli import app

NAME = "06_next_letter"
STUDENTS = 9


def run(*arguments: str) -> str:
    """What a command says; it must succeed."""
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, (arguments, done.output)
    return done.output


def points(file: Path) -> dict[str, float]:
    """The points in grades-canvas.csv, by login; below the line that says how many there are."""
    with open(file, encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert rows[0]["Student"].strip() == "Points Possible"
    return {row["SIS Login ID"]: float(row[NAME]) for row in rows[1:]}


def hand_in_through_canvas(course: Course, archive: Path) -> None:
    """What lies in `submitted`, as Canvas hands it on, and nowhere else."""
    with zipfile.ZipFile(archive, "w") as packed:
        for number, one in enumerate(course.students()):
            name = f"{one.last_name}{one.first_name}".lower()
            notebook = course.submitted / one.id / NAME / f"{NAME}.ipynb"
            packed.write(notebook, f"{name}_{one.lms_user_id}_{900 + number}_{NAME}.ipynb")
    shutil.rmtree(course.submitted)


def grade_by_hand(course: Course) -> str:
    """Give whoever waits first 7 points, as formgrader does; gives the student's id."""
    with Gradebook(course.gradebook_url) as book:
        waiting = [one for one in book.assignment_submissions(NAME) if one.needs_manual_grade]
        [grade] = [grade for grade in waiting[0].notebooks[0].grades if grade.needs_manual_grade]
        grade.manual_score, grade.needs_manual_grade = 7.0, False
        book.db.commit()
        return waiting[0].student.id


@pytest.mark.slow
def test_an_instructor_gets_from_init_to_grades_by_the_guide(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    write_notebooks(template_lesson(tmp_path).folder)
    (tmp_path / "pyproject.toml").touch()  # so that lessons/ is found from below
    monkeypatch.chdir(tmp_path)
    run("init", "moe-2026")
    monkeypatch.chdir("moe-2026")
    course = Course.open(Path())
    run("release", "06")
    assert f"{NAME}/{NAME}.ipynb" in zipfile.ZipFile(course.bundles / f"{NAME}.zip").namelist()

    run("rehearse", ".", "--students", str(STUDENTS), "--lesson", "06")
    hand_in_through_canvas(course, tmp_path / "submissions.zip")
    assert f"{STUDENTS} students ({STUDENTS} new)" in run("collect", "06", str(tmp_path / "submissions.zip"))
    assert f"{STUDENTS} graded" in run("autograde", "06", "--unsafe")  # our own code, also where there is no sandbox
    assert f"{STUDENTS} unchanged" in run("collect", "06", str(tmp_path / "submissions.zip"))
    assert f"{STUDENTS} had been graded before" in run("autograde", "06", "--unsafe")

    run("export")
    plan = json.loads((course.folder / "plan.json").read_text(encoding="utf-8"))
    planned = {one["id"]: one["earned"] + one["extra"] for one in plan["students"]}
    assert points(course.folder / "grades-canvas.csv") == planned
    student = grade_by_hand(course)
    assert "0 of" in run("regrade", student, "06", "--unsafe")  # cases that changed
    run("export")
    assert points(course.folder / "grades-canvas.csv") == planned | {student: planned[student] + 7}

    said = run("feedback", "06", "--zip", "canvas")
    packed = zipfile.ZipFile(course.feedback / f"{NAME}-canvas.zip")
    assert len(packed.namelist()) == STUDENTS
    assert f"{STUDENTS} pages for Canvas" in said
    page = (course.feedback / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "7 of 10 points" in page
    assert (course.feedback / f"{NAME}.html").is_file()
    for command, file in (
        (("report",), "report.html"),
        (("similar", "06"), f"similar/{NAME}.html"),
        (("export", "--format", "moodle"), "grades-moodle.csv"),
        (("export", "--format", "nbgrader"), "grades-nbgrader.csv"),
    ):
        assert file in run(*command).replace("\\", "/")
        assert course.secret() not in (course.folder / file).read_text(encoding="utf-8-sig")
