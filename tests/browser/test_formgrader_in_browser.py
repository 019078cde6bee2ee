"""An instructor opens nbgrader's formgrader on a graded class: points, comments, and a written answer graded by hand.

The pictures that this test takes lie in pytest's temporary folder; STORYTELLER_SHOTS=DIR puts them elsewhere.
"""

import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import SECONDS, browsing, chromium, wait_for

from ports import free_port
from repository import ROOT
from storyteller_grading.classroom.autograde.autograde import Summary, reconcile
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.records import Records

GRADING = str(ROOT / "tests" / "grading")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
]

HOSTILE = (
    "<script>document.title = 'broken'</script> [click](javascript:alert(1)) $\\href{javascript:alert(1)}{x}$\n"
    "```\n<img src=x onerror=\"document.title = 'broken'\">"
)


@pytest.fixture
def toys(monkeypatch):
    """The class of the toy lesson, which lies with the tests of the grading."""
    monkeypatch.syspath_prepend(GRADING)
    import toy_class

    return toy_class


def enter(course, home, toys, *outcomes):
    with Records(course.records_file) as records, LessonBook(course, toys.NAME, home / f"{toys.NAME}.ipynb") as book:
        for one in outcomes:
            records.put(one, None)
        reconcile(course, toys.NAME, records, book, Summary(toys.NAME))


@contextmanager
def formgrader(course, home):
    """Jupyter in the course's folder; gives its address and the token."""
    port, token, log = free_port(), secrets.token_hex(16), home / "server.log"
    command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root", "--port", str(port)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    with open(log, "w", encoding="utf-8") as file:
        server = subprocess.Popen(
            [*command, f"--IdentityProvider.token={token}"],
            cwd=course.folder,
            env={**clean, "HOME": str(home), "USERPROFILE": str(home)},
            stdout=file,
            stderr=file,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, log)
            yield f"http://127.0.0.1:{port}", token
        finally:
            server.terminate()
            server.wait(SECONDS)


def test_a_written_answer_is_graded_in_formgrader_and_keeps_its_grade(toys, tmp_path):
    shots = Path(os.environ.get("STORYTELLER_SHOTS", tmp_path / "shots"))
    shots.mkdir(parents=True, exist_ok=True)
    home, course, name = toys.make_lesson(tmp_path), toys.make_course(tmp_path / "course"), toys.NAME
    half = toys.outcome("ada", {"double": 50}, written=HOSTILE)
    enter(course, home, toys, half)
    foreign: list[str] = []
    with formgrader(course, tmp_path) as (address, token), browsing(foreign) as context:
        page = context.new_page()
        page.goto(f"{address}/login?token={token}&next=/api/status")
        page.goto(f"{address}/formgrader/gradebook/{name}/{name}")
        page.get_by_role("link", name="Submission #1").wait_for()
        page.screenshot(path=str(shots / "formgrader-list.png"))
        assert "50 / 100" in page.inner_text("table")

        page.get_by_role("link", name="Submission #1").click()
        points = page.locator("input.score")
        page.wait_for_function("() => document.querySelector('input.score')?.placeholder === '50'")
        shown = [points.nth(number).get_attribute("placeholder") for number in range(points.count())]
        assert shown == ["50", "0", "0", None]
        comments = page.locator("textarea.comment")
        second = "document.querySelectorAll('textarea.comment')[1]"
        page.wait_for_function(f"() => {second}.placeholder === 'Not yet: does it.'")
        assert "0 of 30 points\nWRONG 0/30  does it\n    got 1, wanted 2" in page.inner_text("body")
        assert "[click](javascript:alert(1))" in page.inner_text("body")
        assert page.title() == name
        assert page.locator("a[href^=javascript]").count() == 0

        points.nth(3).fill("8")
        points.nth(3).press("Tab")
        comments.nth(3).fill("Well said.")
        with page.expect_response(lambda response: "/api/comment/" in response.url and response.ok):
            comments.nth(3).press("Tab")
        page.screenshot(path=str(shots / "formgrader-graded.png"), full_page=True)
    assert all("mathjax" in url for url in foreign)  # formgrader's own wish, which it does without

    assert toys.table(course)["ada"]["why"] == (None, 8.0, 10.0, False)
    assert toys.table(course)["ada"]["why comment"] == "Well said."
    enter(course, home, toys, toys.outcome("ada", written=HOSTILE))
    assert toys.table(course)["ada"]["why"] == (None, 8.0, 10.0, False)
    assert toys.table(course)["ada"]["Adder-check"][0] == 30.0
