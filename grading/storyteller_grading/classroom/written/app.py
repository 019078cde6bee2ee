"""The web application around the written answers of a lesson.

    GET  /?token=TOKEN&question=NAME    the page
    POST /grade                         {"question", "student", "points", "comment", "version"}: saves a grade

Whoever asks must have the token: in the page's address, or as `Authorization: token TOKEN`, as with Jupyter. A grade
that cannot be saved gets {"error": "..."} with a sentence: 422 for wrong points, 409 where the page is out of date.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lms.system import format_points
from storyteller_grading.classroom.written.answers import Changed, Entry, read_answers, save_grade
from storyteller_grading.classroom.written.questions import read_questions
from storyteller_grading.classroom.written.rendering import written_page

HOSTS = ("127.0.0.1", "localhost")
HEADERS = {
    # Only what this server gives, no script within the page, and no other page around it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MAX_REQUEST_BYTES = 100_000
FIELDS = ("question", "student", "points", "comment", "version")
FILES = {"/written.css": "text/css", "/written.js": "text/javascript"}
NO_TOKEN = "This page needs the address that the command has printed, with ?token= at its end."


def make_app(course: Course, lesson: Path, token: str) -> Any:
    """The application (a FastAPI), to be run by any ASGI server.

    Args:
        course: whose gradebook is read and written.
        lesson: the lesson's folder.
        token: what a browser must know.

    Raises:
        StorytellerError: fastapi is not installed, or the lesson asks for no written answer.
    """
    fastapi = optional_import("fastapi", extra="serve")
    trusted = optional_import("fastapi.middleware.trustedhost", extra="serve").TrustedHostMiddleware
    app = fastapi.FastAPI(title=lesson.name, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(trusted, allowed_hosts=list(HOSTS), www_redirect=False)
    endpoints = Endpoints(course, lesson, token)
    app.add_route("/", endpoints.page, methods=["GET"])
    app.add_route("/grade", endpoints.grade, methods=["POST"])
    for path in FILES:
        app.add_route(path, endpoints.file, methods=["GET"])
    return app


class Endpoints:
    """What each address answers."""

    def __init__(self, course: Course, lesson: Path, token: str) -> None:
        self.course, self.lesson, self.token = course, lesson.name, token
        self.questions = read_questions(course, lesson)
        if not self.questions:
            raise StorytellerError(f"{lesson.name} asks for no written answer.")
        self.responses = optional_import("fastapi.responses", extra="serve")

    async def page(self, request: Any) -> Any:
        """All answers to a question."""
        if not self.may(request.query_params.get("token", "")):
            return self.responses.PlainTextResponse(NO_TOKEN, status_code=403, headers=HEADERS)
        name = request.query_params.get("question", self.questions[0].name)
        question = next((one for one in self.questions if one.name == name), self.questions[0])
        try:
            found = read_answers(self.course, self.lesson, question)
        except StorytellerError as fault:
            return self.responses.PlainTextResponse(str(fault), status_code=503, headers=HEADERS)
        page = written_page(self.lesson, self.questions, question, found, self.token)
        return self.responses.HTMLResponse(page, headers=HEADERS)

    async def file(self, request: Any) -> Any:
        """The page's style or script."""
        path = request.url.path
        text = (Path(__file__).parent / "page" / path[1:]).read_text(encoding="utf-8")
        return self.responses.Response(text, media_type=FILES[path], headers=HEADERS)

    async def grade(self, request: Any) -> Any:
        """Save a grade, or say in one sentence why not."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind != "token" or not self.may(given):
            return self._refuse(403, NO_TOKEN)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REQUEST_BYTES:
                return self._refuse(413, f"The request is too long; at most {MAX_REQUEST_BYTES:,} bytes are read.")
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict) or not all(isinstance(sent.get(name), str) for name in FIELDS):
            return self._refuse(422, f"Send a JSON object with the texts {', '.join(FIELDS)}.")
        question = next((one for one in self.questions if one.name == sent["question"]), None)
        if question is None:
            return self._refuse(422, f"{self.lesson} has no written answer of this name.")
        entry = Entry(sent["points"], sent["comment"], sent["version"])
        try:
            saved = save_grade(self.course, self.lesson, question, sent["student"], entry)
        except Changed as refusal:
            return self._refuse(409, str(refusal))
        except StorytellerError as refusal:
            return self._refuse(422, str(refusal))
        points = "" if saved.points is None or saved.waits else format_points(saved.points)
        about = {"points": points, "comment": saved.comment, "waits": saved.waits, "version": saved.version}
        return self.responses.JSONResponse(about, headers=HEADERS)

    def may(self, token: str) -> bool:
        """Is it the token? Compared so that the time tells nothing."""
        return secrets.compare_digest(token.encode("utf-8", "replace"), self.token.encode())

    def _refuse(self, status: int, sentence: str) -> Any:
        return self.responses.JSONResponse({"error": sentence}, status_code=status, headers=HEADERS)
