"""Moodle's web services on a server that follows their documentation: errors with status 200, tokens in the body."""

import json
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl

import pytest
from lms_server import serving
from toy_class import NAME
from toy_collect import answered, course_with_roster, handed_in
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.lms.remote.moodle import MoodleRemote
from storyteller_grading.classroom.lms.remote.settings import read_settings
from storyteller_grading.cli import app

TOKEN = "0123456789abcdef0123456789abcdef"
USERS = [
    {"id": 5, "username": "ada", "fullname": "Ada Lovelace", "email": "ada@example.org", "idnumber": "1001"},
    {"id": 6, "username": "turing", "fullname": "Alan Turing", "email": "alan@example.org", "idnumber": ""},
    {"id": 7, "username": "x", "fullname": "Some Body", "email": "x@example.org", "idnumber": ""},
]


class Moodle(BaseHTTPRequestHandler):
    """Four functions, as the documentation has their answers."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        self.server.state["log"].append(self.requestline)

    def do_POST(self):
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        here, path = f"http://{self.headers['Host']}", self.path
        if path.startswith("/webservice/pluginfile.php/"):
            assert form == {"token": TOKEN}
            return self.answer(answered(f"of user {path.split('/')[3]}"))
        assert path == "/webservice/rest/server.php"
        assert form["moodlewsrestformat"] == "json"
        if form["wstoken"] != TOKEN:
            error = {"exception": "core\\exception\\moodle_exception", "errorcode": "invalidtoken"}
            return self.answer(error | {"message": f"Invalid token {form['wstoken']} - token not found"})
        function = form["wsfunction"]
        if function == "mod_assign_get_assignments":
            assert form["courseids[0]"] == "12"
            assignments = [{"id": 3, "cmid": 33, "name": "Other"}, {"id": 4, "cmid": 34, "name": "Toys"}]
            return self.answer({"courses": [{"id": 12, "assignments": assignments}], "warnings": []})
        if function == "core_enrol_get_enrolled_users":
            return self.answer(USERS)
        assert function == "mod_assign_get_submissions"
        assert form["assignmentids[0]"] == "4"
        submissions = [
            {
                "userid": user["id"],
                "status": "submitted",
                "timemodified": 1_790_928_900,
                "plugins": [
                    {"type": "comments", "name": "Submission comments"},
                    {
                        "type": "file",
                        "fileareas": [
                            {
                                "area": "submission_files",
                                "files": [
                                    {
                                        "filename": f"{NAME}.ipynb",
                                        "fileurl": f"{here}/webservice/pluginfile.php/{user['id']}/{NAME}.ipynb",
                                    }
                                ],
                            }
                        ],
                    },
                ],
            }
            for user in USERS
        ]
        submissions.append({"userid": 8, "status": "draft", "timemodified": 1, "plugins": []})
        return self.answer({"assignments": [{"assignmentid": 4, "submissions": submissions}], "warnings": []})

    def answer(self, data):
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def moodle(tmp_path, monkeypatch):
    state = {"log": []}
    with serving(Moodle, state) as url:
        course = course_with_roster(tmp_path / "course")
        (course.folder / "lms.toml").write_text(
            f'[moodle]\nurl = "{url}"\ncourse = 12\n[moodle.assignments]\n{NAME} = 34\n', encoding="utf-8"
        )
        monkeypatch.setenv("MOODLE_TOKEN", TOKEN)
        yield course, state


def test_hand_ins_come_with_their_times_and_drafts_do_not(moodle, home):
    course, state = moodle
    done = CliRunner().invoke(
        app, ["collect", str(home), "--moodle", "--course", str(course.folder)], env={"COLUMNS": "200"}
    )
    assert done.exit_code == 1, done.output  # somebody is not on the roster
    assert "1 has a draft in Moodle" in done.output
    assert "Some Body_7" in done.output
    assert handed_in(course) == {"ada": "of user 5", "alan": "of user 6"}
    assert {one.submitted_at.isoformat() for one in course.submissions(NAME)} == {"2026-10-02T08:15:00+00:00"}
    assert not [line for line in state["log"] if TOKEN in line]


def test_what_moodle_refuses_is_said_without_the_token(moodle, monkeypatch):
    course, _ = moodle
    monkeypatch.setenv("MOODLE_TOKEN", "another-token")
    remote = MoodleRemote(read_settings(course, "moodle", NAME))
    with remote.connection, pytest.raises(StorytellerError, match="invalidtoken") as error:
        remote.hand_ins()
    assert "another-token" not in str(error.value)


def test_an_assignment_that_is_not_there_is_said_with_those_that_are(moodle):
    course, _ = moodle
    file = course.folder / "lms.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("= 34", "= 35"), encoding="utf-8")
    remote = MoodleRemote(read_settings(course, "moodle", NAME))
    with remote.connection, pytest.raises(StorytellerError, match=r"no assignment 35; it has 33 \(Other\), 34 \(Toys"):
        remote.hand_ins()
