"""Feedback in bulk: zips in which Canvas and Moodle find each student's page, by the rules in their sources."""

import re
import zipfile

import pytest
from toy_class import NAME, outcome
from toy_collect import course_with_roster, folder_of, notebook, zip_of
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_course.report import card
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.intake.collect import collect
from storyteller_grading.classroom.lms.registry import SYSTEMS
from storyteller_grading.classroom.reports.feedback import write_feedback
from storyteller_grading.classroom.reports.give_back import pack_feedback, page_name
from storyteller_grading.classroom.roster import Student
from storyteller_grading.cli import app
from storyteller_grading.judge.report import page

ID = {"ada": "1001", "alan": "1002", "zoe": "1003"}


@pytest.fixture
def course(tmp_path):
    """Of three the notebooks were graded, whatever way they came."""
    made = course_with_roster(tmp_path / "course")
    with Records(made.records_file) as records:
        for student in ID:
            records.put(outcome(student, page=page("Toys", f"<h1>Toys</h1><p>of {card.escape(student)}</p>")), None)
    return made


def packed(course, system):
    """The pages in the zip, by path."""
    chosen = [record.student for record in write_feedback(course, NAME)[1]]
    done = pack_feedback(course, NAME, SYSTEMS[system], chosen)
    with zipfile.ZipFile(done.file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}, done.missing


def canvas_reads(path):
    """`infer_comment_context_from_filename` of Canvas: the user's number, and that of the file that was handed in."""
    name = path.rpartition("/")[2]
    numbers = [part for part in name.split("_") if re.fullmatch(r"[0-9]+", part)]
    return tuple(numbers[:2]) if not name.split("_")[-1].startswith("link") else None


def moodle_reads(path):
    """`is_valid_filename_for_import` of Moodle 4: the participant's number, and what the file is called then."""
    parts = path.split("/")
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) >= 4 and info[1].isdigit() and info[2:4] == ["assignsubmission", "file"]:
            rest = [info[4]] if info[4:] and info[4] else []
            return info[1], "/".join([*rest, *parts])
    return None


def test_canvas_finds_every_page_by_the_numbers_of_the_notebook_that_counted(course, tmp_path):
    names = {
        f"lovelaceada_1001_501_{NAME}.ipynb": "Ada's first",
        f"lovelaceada_1001_502_{NAME}-1.ipynb": "Ada's second",
        f"turingalan_LATE_1002_504_{NAME}.ipynb": "Alan's",
    }
    collect(course, NAME, zip_of(tmp_path / "submissions.zip", names))
    pages, missing = packed(course, "canvas")
    assert missing == ["zoe"]
    found = {canvas_reads(path): text for path, text in pages.items()}
    assert found.keys() == {("1001", "502"), ("1002", "504")}
    assert all(path.endswith(".html") for path in pages)
    assert "<b>Ada Lovelace</b> · ada · number 1001</p>" in found["1001", "502"]
    assert "of alan" in found["1002", "504"]

    # The same notebook, handed in once more: Canvas takes the page with the newer file's number only.
    again = zip_of(tmp_path / "again.zip", {f"lovelaceada_1001_777_{NAME}-2.ipynb": "Ada's second"})
    assert collect(course, NAME, again).same == ["ada"]
    assert ("1001", "777") in map(canvas_reads, packed(course, "canvas")[0])


@pytest.mark.parametrize("wrapper", ["", "toys-4711/"])
@pytest.mark.parametrize(
    "form", ["{}_assignsubmission_file/", "{}_assignsubmission_file_/", "{}_assignsubmission_file_"]
)
def test_moodle_finds_every_page_by_the_participants_number(course, tmp_path, form, wrapper):
    people = {"Ada Lovelace_71": "Ada's", "Alan_Turing_72": "Alan's", "Zoë O'Neill_73": "Zoe's"}
    names = {f"{wrapper}{form.format(who)}{NAME}.ipynb": text for who, text in people.items()}
    collect(course, NAME, zip_of(tmp_path / "submissions.zip", names))
    pages, missing = packed(course, "moodle")
    assert missing == []
    assert {moodle_reads(path) for path in pages} == {
        ("71", f"{NAME}_Ada-Lovelace_ada.html"),
        ("72", f"{NAME}_Alan-Turing_alan.html"),
        ("73", f"{NAME}_Zoë-O-Neill_zoe.html"),
    }


def test_without_names_of_the_system_the_way_out_is_said(course, tmp_path):
    collect(course, NAME, folder_of(tmp_path / "folder", {f"ada/{NAME}.ipynb": "Ada's"}))
    write_feedback(course, NAME)
    for system in ("canvas", "moodle"):
        with pytest.raises(StorytellerError, match=r"collect 09 SUBMISSIONS\.zip notes them"):
            pack_feedback(course, NAME, SYSTEMS[system], ["ada"])


def test_names_for_files_hold_nothing_that_a_file_system_refuses():
    assert page_name("01_x", Student("a/b", "../<i>", "Ó'Hara: 7")) == "01_x_i-Ó-Hara-7_a-b.html"
    assert page_name("01_x", Student("ada")) == "01_x_ada.html"


def test_a_name_on_the_page_is_escaped(course):
    course.roster_file.write_text("id,first_name\nada,<b>Ada</b>\n", encoding="utf-8")
    write_feedback(course, NAME, ["ada"])
    text = (course.feedback / "ada" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert '<body>\n<p class="who"><b>&lt;b&gt;Ada&lt;/b&gt;</b> · ada</p>' in text


def test_the_command_packs_and_says_where_to_upload(course, tmp_path, monkeypatch, home):
    monkeypatch.setenv("COLUMNS", "300")
    names = {f"lovelaceada_1001_501_{NAME}.ipynb": notebook("Ada's")}
    collect(course, NAME, zip_of(tmp_path / "submissions.zip", names))
    done = CliRunner().invoke(app, ["feedback", str(home), "--course", str(course.folder), "--zip", "canvas"])
    assert done.exit_code == 0, done.output
    said = done.output
    assert f"1 page for Canvas: {course.feedback / f'{NAME}-canvas.zip'}" in said
    assert "Re-Upload Submissions" in said
    assert "2 did not hand in through Canvas and are not in the zip" in said
    assert "alan, zoe" in said


def test_where_no_zip_of_the_system_was_collected_the_pages_are_written_and_the_exit_code_is_1(course, home):
    done = CliRunner().invoke(app, ["feedback", str(home), "--course", str(course.folder), "--zip", "canvas"])
    assert done.exit_code == 1, done.output
    said = " ".join(done.output.split())
    assert f"3 pages. The index: {course.feedback / f'{NAME}.html'}" in said
    assert "The pages are written, and there is no zip. No notebook of" in said
    assert all((course.feedback / student / NAME / f"{NAME}.html").is_file() for student in ID)
