"""Written answers graded on the page of `storyteller-grade written`, a real server asked with httpx."""

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from toy_class import NAME, make_course, outcome, table

from storyteller.errors import StorytellerError
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.grades_csv import read_grades
from storyteller_grading.classroom.reports.feedback import write_feedback
from storyteller_grading.classroom.written.answers import Entry, read_answers, read_points, save_grade
from storyteller_grading.classroom.written.questions import as_html, read_questions
from written_server import HOSTILE, enter, enter_class, serving

httpx = pytest.importorskip("httpx")
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("fastapi", "uvicorn"))), reason="the extra `serve` is not installed"
)


@pytest.fixture(scope="module")
def built(home):
    """The toy lesson's folder, with its solution beside it."""
    (home / "solved.ipynb").write_text(nbformat.writes(draft_lesson(home).notebook()), encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def entered(tmp_path_factory, built):
    """A graded class, to copy: making a gradebook takes seconds."""
    made = make_course(tmp_path_factory.mktemp("entered") / "course")
    enter_class(made, built, outcome)
    return made


@pytest.fixture
def course(tmp_path, entered):
    return Course.open(Path(shutil.copytree(entered.folder, tmp_path / "course")))


@pytest.fixture
def question(course, built):
    [question] = read_questions(course, built)
    return question


def answers(course, question):
    return {one.student.id: one for one in read_answers(course, NAME, question).written}


def give(course, question, student, points, comment=""):
    version = answers(course, question)[student].version
    return save_grade(course, NAME, question, student, Entry(points, comment, version))


def test_the_question_has_its_text_its_rubric_and_its_points(question):
    assert (question.name, question.points) == ("why", 10)
    assert "Why?" in question.text
    assert "Because." in question.rubric


def test_html_in_a_rubric_is_shown_as_it_is_written():
    assert "<script>" not in as_html("a <script>x</script> **b**")
    assert "<strong>b</strong>" in as_html("a <script>x</script> **b**")


def test_those_who_wrote_nothing_and_those_who_handed_in_nothing_are_listed_apart(course, question):
    found = read_answers(course, NAME, question)
    assert [one.student.id for one in found.written] == ["ada", "ada2", "bob", "dan"]
    assert [one.student.id for one in found.unwritten] == ["cyd"]
    assert [one.id for one in found.absent] == ["eve"]
    assert found.graded == 0


def test_points_and_comment_are_nbgraders_and_stand_in_export_and_feedback(course, question):
    saved = give(course, question, "ada", "7,5", " Well <i>said</i>.\n")
    assert (saved.points, saved.waits) == (7.5, False)
    assert table(course)["ada"]["why"] == (None, 7.5, 10.0, False)
    assert table(course)["ada"]["why comment"] == "Well <i>said</i>."
    assert table(course)["ada2"]["why"] == (None, None, 10.0, True)  # of the same name
    earned = {student.id: points[NAME] for student, points in read_grades(course).points}
    assert earned["ada"] == 107.5
    assert earned["ada2"] == 100.0
    write_feedback(course, NAME)
    assert read_answers(course, NAME, question).graded == 1


def test_grading_again_keeps_points_of_the_same_text_and_asks_again_for_another(course, built, question):
    give(course, question, "ada", "7", "Good.")
    enter(course, built, outcome("ada", {"double": 50}, written="Because of this."))
    assert table(course)["ada"]["why"] == (None, 7.0, 10.0, False)
    assert answers(course, question)["ada"].comment == "Good."

    enter(course, built, outcome("ada", written="Something else."))
    changed = answers(course, question)["ada"]
    assert (changed.points, changed.waits, changed.text) == (7.0, True, "Something else.")
    give(course, question, "ada", "", "A comment alone leaves it waiting.")
    assert table(course)["ada"]["why"] == (None, 7.0, 10.0, True)
    give(course, question, "ada", "4")
    assert table(course)["ada"]["why"] == (None, 4.0, 10.0, False)


def test_points_that_are_taken_back_wait_again(course, question):
    give(course, question, "ada", "7")
    assert give(course, question, "ada", "").waits
    assert table(course)["ada"]["why"] == (None, None, 10.0, True)


def test_a_page_that_is_out_of_date_overwrites_nothing(course, built, question):
    old = answers(course, question)["ada"].version
    give(course, question, "ada", "7")
    with pytest.raises(StorytellerError, match="has changed since the page was loaded"):
        save_grade(course, NAME, question, "ada", Entry("3", "", old))
    old = answers(course, question)["ada2"].version
    enter(course, built, outcome("ada2", written="Quite another text."))
    with pytest.raises(StorytellerError, match="Reload the page"):
        save_grade(course, NAME, question, "ada2", Entry("3", "", old))
    assert table(course)["ada2"]["why"] == (None, None, 10.0, True)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("11", "11 is not between 0 and 10, the points of this question. Extra credit is given in formgrader."),
        ("-1", "-1 is not between 0 and 10"),
        ("seven", "'seven' is no number of points: type one such as 7 or 7.5."),
        *((text, "is no number of points") for text in ("nan", "inf", "1e1", "1_0", "7.5.5", "<b>", "9" * 30)),
    ],
)
def test_wrong_points_are_refused_with_a_sentence(typed, said):
    with pytest.raises(StorytellerError, match=re.escape(said)):
        read_points(typed, 10)


def test_before_anything_is_graded_the_command_says_what_comes_first(tmp_path, built):
    course = make_course(tmp_path / "other")
    command = [sys.executable, "-m", "storyteller_grading", "written", str(built), "--course", str(course.folder)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "storyteller-grade autograde 09 comes first" in done.stderr


def test_the_server_shows_and_saves_for_whoever_has_the_token_alone(course, built, question, tmp_path):
    with serving(course, built, tmp_path / "log") as address, httpx.Client() as client:
        base, _, token = address.partition("/?token=")
        assert base.startswith("http://127.0.0.1:")
        page = client.get(address)
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert HOSTILE not in page.text
        assert HOSTILE in unescape(page.text)
        assert "<b>Bob</b>" not in page.text
        for wrong in (base, f"{base}/?token=", f"{base}/?token={token}x", f"{base}/?token=%F0%9F%A6%8A"):
            refused = client.get(wrong)
            assert refused.status_code == 403
            assert "Ada" not in refused.text
        assert client.get(address, headers={"Host": "evil.example"}).status_code == 400

        sent = {"question": "why", "student": "ada", "points": "8", "comment": "Yes.\ud800"}
        sent["version"] = answers(course, question)["ada"].version
        assert (
            client.post(f"{base}/grade?token={token}", content=json.dumps(sent)).status_code == 403
        )  # as a form elsewhere could
        headers = {"Authorization": f"token {token}"}
        for change, status in (
            ({"points": "12"}, 422),
            ({"points": 8}, 422),
            ({"question": "other"}, 422),
            ({"student": "nobody"}, 422),
            ({"student": "eve"}, 422),
            ({"version": "old"}, 409),
            ({"comment": "x" * 5000}, 422),
            ({"comment": "x" * 200_000}, 413),
        ):
            refused = client.post(f"{base}/grade", content=json.dumps(sent | change), headers=headers)
            assert refused.status_code == status, refused.text
            assert refused.json()["error"].endswith(".")
        assert client.post(f"{base}/grade", content=b"{", headers=headers).status_code == 422
        assert table(course)["ada"]["why"] == (None, None, 10.0, True)
        saved = client.post(f"{base}/grade", content=json.dumps(sent), headers=headers).json()
        assert (saved["points"], saved["comment"], saved["waits"]) == ("8", "Yes.?", False)
    assert table(course)["ada"]["why"] == (None, 8.0, 10.0, False)
    assert (tmp_path / "log").read_text(encoding="utf-8") == ""
