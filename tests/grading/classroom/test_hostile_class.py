"""A class of which most wish the grader ill is graded to its end by the command, and its pages are safe to open."""

import json
import os
import re

import pytest
from damage import DAMAGES
from nbconvert.filters import markdown2html_mistune
from toy_class import NAME, RIGHT, hand_in, make_course, notebook, table
from typer.testing import CliRunner

from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.reports.feedback import write_feedback
from storyteller_grading.cli import app
from storyteller_grading.judge.worker_client import starter

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or not starter(unsafe=True).layers.hold,
    reason="no layer of the sandbox holds here: nothing hostile is run",
)

SCRIPT = (
    "<script>fetch('/formgrader/api/grade/1', {method: 'PUT'})</script> <img src=x onerror=alert(1)>\n\n"
    "[why](javascript:alert(2)) ![](http://example.org/seen.png)\n\n```\n</textarea><script>alert(3)</script>\n"
    "=HYPERLINK(1) \x1b[31m {{7*7}} ${7*7} $$\\href{javascript:alert(4)}{x}$$ <!-- --><style>*{display:none}</style>"
)
MEGABYTE = 1 << 20


def claims(document):
    """Says in all places of its metadata that it is worth all points, and asks not to be run."""
    for cell in document["cells"]:
        cell["metadata"] = {
            "nbgrader": {"grade": True, "points": 1000, "grade_id": "double-check", "solution": False, "locked": True},
            "storyteller": {"role": "check", "exercise": "double", "earned": 50},
            "tags": ["skip-execution", "injected-parameters"],
        }
        cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": SCRIPT, "text/plain": "100 of 100"}}]
    document["metadata"] = {"nbgrader": {"score": 100}, "kernelspec": {"name": "evil", "argv": ["sh"]}}
    return document


def copied_checks(document):
    """Has each check a hundred times, with outputs that say that it passed."""
    checks = [cell for cell in document["cells"] if cell["metadata"].get("storyteller", {}).get("role") == "check"]
    document["cells"] += [{**cell, "outputs": [{"output_type": "stream", "text": "50 of 50"}]} for cell in checks] * 100
    return document


def large_outputs(document):
    for cell in document["cells"]:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x" * 100 + "\n"] * 20_000}]
    return document


@pytest.fixture(scope="module")
def course(tmp_path_factory, home):
    """The class; the folders that are no students' are there too."""
    course = make_course(tmp_path_factory.mktemp("class") / "course")
    nothing = {}
    students = {
        "claims": claims(notebook(home, nothing)),
        "copies": copied_checks(notebook(home, nothing)),
        "script": notebook(home, {"double": f"def double(number):\n    raise ValueError({SCRIPT!r})"}, written=SCRIPT),
        "talkative": notebook(home, RIGHT, written="because " * 500_000),
        "outputs": large_outputs(notebook(home)),
        "leaves": notebook(home, {"double": "import os\nos._exit(0)"}),
        "right": notebook(home, written="Because."),
    }
    for name, document in students.items():
        hand_in(course, name, document)
    for name in ("empty", "only_null_bytes", "a_zip"):
        hand_in(course, name, "").write_bytes(DAMAGES[name].make(notebook(home)))
    course.submitted.joinpath("linked", NAME).mkdir(parents=True)
    course.submitted.joinpath("linked", NAME, f"{NAME}.ipynb").symlink_to(course.secret_file)
    course.submitted.joinpath("piped", NAME).mkdir(parents=True)
    os.mkfifo(course.submitted / "piped" / NAME / f"{NAME}.ipynb")
    course.submitted.joinpath("elsewhere").symlink_to(course.folder)
    for name in ("..evil", "-rf", ".hidden", "<script>alert(5)<", "a\nb", "=1+1"):
        place = course.submitted / name / NAME
        place.mkdir(parents=True)
        (place / f"{NAME}.ipynb").write_text(json.dumps(notebook(home)), encoding="utf-8")
    hand_in(course, "timely", notebook(home), when=" 23:59" + "0" * 60 + ".Z" + "0" * 32)
    other = course.submitted / "misnamed" / NAME
    other.mkdir(parents=True)
    for name in ("..", "<img src=x onerror=alert(6)>", "$(id)"):
        (other / f"{name}.ipynb").write_text(json.dumps(notebook(home)), encoding="utf-8")
    return course


@pytest.fixture(scope="module")
def done(course, home):
    """What the command said, once for all tests."""
    arguments = ["autograde", str(home), "--course", str(course.folder), "--jobs", "1"]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def total(course, student):
    """What nbgrader's gradebook gives a student for the checks."""
    return sum(cells[0] or 0 for cells in table(course)[student].values() if isinstance(cells, tuple))


def test_the_class_is_graded_to_its_end(done, course):
    assert done.exit_code == 1, done.output  # for one time of handing in is none
    assert "COUNTS AS ON TIME" in done.output
    wanted = {
        "claims": 0,
        "copies": 0,
        "script": 0,
        "leaves": 0,
        "right": 100,
        "timely": 100,
        "talkative": 100,
        "outputs": 100,
    }
    wanted |= dict.fromkeys(("empty", "only_null_bytes", "a_zip", "linked", "piped"), 0) | {"misnamed": 100}
    assert {student: total(course, student) for student in table(course)} == wanted
    assert "5 could not be read" in done.output


def test_the_secret_and_the_terminal_are_safe(done, course):
    assert course.secret() not in done.output
    assert "\x1b" not in done.output
    with Records(course.records_file) as records:
        linked = records.latest(NAME, "linked")
    assert linked is not None
    assert "is a link" in linked.data["fault"]


def test_what_formgrader_shows_runs_nothing(done, course):
    for path in course.autograded.rglob("*.ipynb"):
        assert path.stat().st_size < MEGABYTE
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                shown = markdown2html_mistune("".join(cell["source"]))
                assert not re.search(r"<(script|img|style|iframe|textarea)|javascript:[^<]*\"|\son\w+=[^<]*>", shown)
            assert "tags" not in cell["metadata"]
            assert all(output["output_type"] == "stream" for output in cell.get("outputs", ()))


def test_feedback_pages_run_nothing(done, course):
    index, _ = write_feedback(course, NAME)
    pages = [index, *course.feedback.rglob("*.html")]
    assert len(pages) >= 13
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<(script|iframe|textarea|img(?! src=\"data:))", text), path
        assert "default-src 'none'" in text
        assert "http://example.org" not in re.sub(r">[^<]*<", "><", text)
        assert course.secret() not in text
        assert len(text) < MEGABYTE
