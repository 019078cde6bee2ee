"""Canvas's REST API on a server that follows its documentation: pages, tokens, throttling, files, grades.

https://canvas.instructure.com/doc/api/submissions.html, file.pagination.html, file.throttling.html, progress.html
"""

import json
import re
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import pytest
from lms_server import serving
from toy_class import NAME, outcome
from toy_collect import answered, course_with_roster, handed_in
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.lms.remote import connection
from storyteller_grading.classroom.lms.remote.canvas import CanvasRemote
from storyteller_grading.classroom.lms.remote.settings import read_settings
from storyteller_grading.cli import app

TOKEN = "4711~a-secret-token"
PATH = "/api/v1/courses/12/assignments/34/submissions"
PEOPLE = {  # Canvas's user, login, name, attempt's text
    1001: ("ada", "Ada Lovelace", "of ada"),
    1002: ("alan", "Alan Turing", "of alan"),
    9001: ("stranger", "Some Body", "of nobody"),
}
ZOE = (7003, "zoe", "Zoë O'Neill")  # the roster has no number of hers; she handed in nothing


class Canvas(BaseHTTPRequestHandler):
    """A page holds two submissions; the state of the server lies in `server.state`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        self.server.state["log"].append(self.requestline)

    def answer(self, status, data, headers=()):
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def refused(self):
        state = self.server.state
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"errors": [{"message": "Invalid access token."}]}, [("WWW-Authenticate", "Bearer")])
            return True
        if state["throttle"]:
            state["throttle"] -= 1
            self.answer(403, b"403 Forbidden (Rate Limit Exceeded)", [("X-Rate-Limit-Remaining", "0.0")])
            return True
        if state["broken"]:
            state["broken"] -= 1
            self.answer(502, b"bad gateway", [("Retry-After", "7")])
            return True
        return False

    def do_GET(self):
        state, parts = self.server.state, urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path.startswith("/files/"):  # signed addresses, as Canvas gives them
            state["file_headers"].append(dict(self.headers))
            self.answer(200, answered(state["texts"][parts.path.rpartition("/")[2]]))
        elif self.refused():
            return
        elif parts.path == PATH and query.get("include[]") == "user":
            first = int(query.get("page", "1")) * 2 - 2
            rows, here = state["submissions"], f"http://{self.headers['Host']}"
            link = f'<{here}{PATH}?include[]=user&page=1&per_page=2>; rel="first"'
            if first + 2 < len(rows):
                link = f'<{here}{PATH}?include[]=user&page={first // 2 + 2}&per_page=2>; rel="next",{link}'
            self.answer(200, rows[first : first + 2], [("link", link)])
        elif match := re.fullmatch(r"/api/v1/progress/(\d+)", parts.path):
            workflow = state["progress"].pop(0)
            said = "something went wrong" if workflow == "failed" else None
            self.answer(200, {"id": int(match[1]), "workflow_state": workflow, "completion": 50, "message": said})
        else:
            self.answer(404, {"errors": [{"message": "The specified resource does not exist."}]})

    def do_POST(self):
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if not self.refused():
            assert self.path == f"{PATH}/update_grades"
            self.server.state["sent"].append(form)
            self.answer(200, {"id": 99, "workflow_state": "queued", "completion": 0, "message": None})


@pytest.fixture
def canvas(tmp_path, monkeypatch):
    """A Canvas with three submissions and a student who handed in nothing, and a course that knows it."""
    state = {"throttle": 0, "broken": 0, "log": [], "sent": [], "file_headers": [], "texts": {}}
    state["progress"] = ["queued", "running", "completed"]
    with serving(Canvas, state) as files, serving(Canvas, state) as url:  # files lie on a host of their own
        state["submissions"] = [
            {
                "user_id": user,
                "user": {"id": user, "name": name, "login_id": login},
                "workflow_state": "submitted",
                "submitted_at": "2026-10-02T08:15:00Z",
                "score": 80.0 if login == "ada" else None,
                "attachments": [
                    {"id": user, "display_name": f"{NAME}.ipynb", "url": f"{files}/files/{user}?verifier=x"}
                ],
            }
            for user, (login, name, _) in PEOPLE.items()
        ]
        user, login, name = ZOE
        about = {"user_id": user, "user": {"id": user, "name": name, "login_id": login}}
        state["submissions"].append(about | {"workflow_state": "unsubmitted", "submitted_at": None, "score": None})
        state["texts"] = {str(user): text for user, (_, _, text) in PEOPLE.items()}
        course = course_with_roster(tmp_path / "course")
        (course.folder / "lms.toml").write_text(
            f'[canvas]\nurl = "{url}/"\ncourse = 12\n[canvas.assignments]\n{NAME} = 34\n', encoding="utf-8"
        )
        monkeypatch.setenv("CANVAS_TOKEN", TOKEN)
        monkeypatch.setattr(connection, "FIRST_PAUSE_S", 0.001)
        yield course, state


def run(*arguments, course, code=0):
    done = CliRunner().invoke(app, [*arguments, "--course", str(course.folder)], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    assert TOKEN not in done.output
    return done.output


def graded(course, home):
    with Records(course.records_file) as records, LessonBook(course, NAME, home / f"{NAME}.ipynb") as book:
        for student, earned in (("ada", {"double": 50, "Adder": 30}), ("alan", {"double": 50}), ("ana1", {"half": 20})):
            records.put(outcome(student, earned, written=""), None)
            book.book(records.latest(NAME, student), None)


def test_hand_ins_come_page_by_page_with_their_times(canvas, home):
    course, state = canvas
    state["throttle"], state["broken"] = 2, 1
    said = run("collect", str(home), "--canvas", course=course, code=1)  # somebody is not on the roster
    assert f"{NAME}: 2 students (2 new)." in said
    assert "Some Body_9001" in said
    assert handed_in(course) == {"ada": "of ada", "alan": "of alan"}
    when = {one.student: one.submitted_at.isoformat() for one in course.submissions(NAME)}
    assert set(when.values()) == {"2026-10-02T08:15:00+00:00"}
    assert sum(PATH in line for line in state["log"]) == 5  # two pages; three tries more
    assert not [headers for headers in state["file_headers"] if "Authorization" in headers]  # another host
    assert not [line for line in state["log"] if TOKEN in line]
    assert "2 unchanged" in run("collect", str(home), "--canvas", course=course, code=1)


def test_nothing_is_sent_until_it_is_asked_for(canvas, home):
    course, state = canvas
    graded(course, home)
    said = run("export", str(home), "--canvas", course=course)
    assert not state["sent"]
    assert "1 grade to send; 1 in Canvas as here." in said
    assert re.search(r"alan\s+│\s+1002 │\s+– │\s+50", said)
    assert "1 has a grade here and is not found there for certain: mend roster.csv: ana1" in said
    assert "1 is in Canvas and not on the roster: Some Body" in said
    assert "--send" in said
    said = run("export", str(home), "--canvas", "--send", course=course)
    assert state["sent"] == [{"grade_data[1002][posted_grade]": "50"}]
    assert state["progress"] == []  # it waited until Canvas was done
    assert "Canvas has entered 1 grade." in said


def test_a_failure_of_canvas_is_said(canvas):
    course, state = canvas
    state["progress"] = ["running", "failed"]
    remote = CanvasRemote(read_settings(course, "canvas", NAME), pause=lambda seconds: None)
    with remote.connection, pytest.raises(StorytellerError, match="something went wrong"):
        remote.send({"1002": 50.0})


def test_a_wrong_token_is_said_without_it(canvas, monkeypatch):
    course, _ = canvas
    monkeypatch.setenv("CANVAS_TOKEN", "wrong-token")
    remote = CanvasRemote(read_settings(course, "canvas", NAME))
    with remote.connection, pytest.raises(StorytellerError, match="401: the token is wrong") as error:
        remote.grades()
    assert "wrong-token" not in str(error.value)
    assert "wrong-token" not in repr(read_settings(course, "canvas", NAME))


def test_pauses_grow_and_the_servers_wish_is_heard(canvas):
    course, state = canvas
    pauses = []
    state["throttle"], state["broken"] = 2, 1
    remote = CanvasRemote(read_settings(course, "canvas", NAME), pause=pauses.append)
    with remote.connection:
        assert len(remote.grades()) == 4
    assert pauses == [0.001, 0.002, 7.0]
    state["throttle"] = 100
    remote = CanvasRemote(read_settings(course, "canvas", NAME), pause=pauses.append)
    with remote.connection, pytest.raises(StorytellerError, match="did not answer in 6 tries"):
        remote.grades()


def test_settings_that_cannot_be_used_are_said(canvas, monkeypatch):
    course, _ = canvas
    file = course.folder / "lms.toml"
    good = file.read_text(encoding="utf-8")
    for text, said in (
        (good.replace("[canvas]", '[canvas]\ntoken = "x"'), "holds a token"),
        (good.replace("= 34", '= "the first"'), "no number"),
        (good.replace(NAME, "other"), f"no line for {NAME}"),
        (good.replace("http://127.0.0.1", "http://canvas.example.edu"), "no address such as https"),
        ("[canvas", "as TOML"),
        ("", r"no \[canvas\]"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(StorytellerError, match=said):
            read_settings(course, "canvas", NAME)
    file.write_text(good.replace("[canvas]", '[canvas]\ntoken_file = "token"'), encoding="utf-8")
    (course.folder / "token").write_text("from-a-file\n", encoding="utf-8")
    (course.folder / "token").chmod(0o600)
    assert read_settings(course, "canvas", NAME).token == "from-a-file"
    file.write_text(good, encoding="utf-8")
    monkeypatch.delenv("CANVAS_TOKEN")
    with pytest.raises(StorytellerError, match="variable CANVAS_TOKEN"):
        read_settings(course, "canvas", NAME)
    file.unlink()
    with pytest.raises(StorytellerError, match="There is no"):
        read_settings(course, "canvas", NAME)
