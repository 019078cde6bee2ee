"""An instructor grades written answers question by question, by keyboard, on the page of `storyteller-grade written`.

The pictures that this test takes lie in pytest's temporary folder; STORYTELLER_SHOTS=DIR puts them elsewhere.
"""

from importlib.util import find_spec

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import chromium
from story_page import browser, browsing, take

from repository import ROOT
from written_server import HOSTILE, enter, enter_class, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(find_spec("uvicorn") is None, reason="the extra `serve` is not installed"),
]


@pytest.fixture
def toys(monkeypatch):
    """The class of the toy lesson, which lies with the tests of the grading."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "grading"))
    import toy_class

    return toy_class


def article(page, student):
    return page.locator(f"article[data-student={student}]")


def progress(page):
    return " ".join(page.locator(".progress").text_content().split())


def current(page):
    return page.locator("article.current").get_attribute("data-student")


def wait_until_said(page, student, text):
    article(page, student).locator(".said", has_text=text).wait_for()


def wait_until_current(page, student):
    page.locator(f"article.current[data-student={student}]").wait_for()


def test_written_answers_are_graded_by_keyboard_and_stay(toys, tmp_path):
    import nbformat

    from storyteller_grading.builder.build import draft_lesson

    home, course = toys.make_lesson(tmp_path), toys.make_course(tmp_path / "course")
    (home / "solved.ipynb").write_text(nbformat.writes(draft_lesson(home).notebook()), encoding="utf-8")
    enter_class(course, home, toys.outcome)
    complaints: list[str] = []
    with serving(course, home, tmp_path / "log") as address, browser() as chrome:
        with browsing(chrome, address, complaints) as page:
            keys = page.keyboard
            assert page.title() == "Lesson 09: Toys, written answers: why"  # nothing of a student's has run
            assert HOSTILE in article(page, "bob").inner_text()
            assert page.locator("article script, article img, article b").count() == 0
            assert article(page, "ada").locator("h2").inner_text().startswith("Ada Lovelace ada\n")
            assert article(page, "ada2").locator("h2").inner_text().startswith("Ada Lovelace ada2\n")
            assert progress(page) == "0 of 4 graded"
            assert "Because." in page.locator("aside").inner_text()
            assert page.locator("article").count() == 4
            assert "1 wrote nothing" in page.locator("details.others").first.inner_text()

            keys.type("11")  # above the most: refused, and the field keeps the caret
            keys.press("Enter")
            wait_until_said(page, "ada", "Not saved: 11 is not between 0 and 10")
            assert current(page) == "ada"
            article(page, "ada").locator(".points").fill("much")
            keys.press("Enter")
            wait_until_said(page, "ada", "Not saved: 'much' is no number of points")
            assert toys.table(course)["ada"]["why"] == (None, None, 10.0, True)
            article(page, "ada").locator(".points").fill("7.5")
            keys.press("Enter")
            wait_until_current(page, "ada2")
            assert progress(page) == "1 of 4 graded"

            keys.type("9")
            keys.press("Tab")
            keys.type("<b>Good</b>")
            keys.press("Control+Enter")
            wait_until_current(page, "bob")
            keys.press("Escape")
            keys.press("k")
            wait_until_current(page, "ada2")
            keys.press("ArrowDown")
            keys.press("j")
            wait_until_current(page, "dan")
            keys.press("c")
            keys.type("A comment alone.")
            keys.press("Escape")
            keys.press("n")  # the field was left, so it is saved; `dan` waits for points
            wait_until_said(page, "dan", "The comment is saved; points are missing.")
            wait_until_current(page, "bob")
            take(page, "written-screen-light", tmp_path)

            page.reload()
            wait_until_current(page, "bob")  # the first that waits
            assert progress(page) == "2 of 4 graded"
            assert article(page, "ada").locator(".points").input_value() == "7.5"
            assert article(page, "ada2").locator("textarea").input_value() == "<b>Good</b>"
            assert article(page, "dan").locator("textarea").input_value() == "A comment alone."

            enter(course, home, toys.outcome("bob", written="Written anew."))
            keys.type("3")
            keys.press("Enter")
            wait_until_said(page, "bob", "Reload the page.")
            complaints[:] = [one for one in complaints if "status of 4" not in one]  # Chromium names refusals
            assert complaints == []

        enter(course, home, toys.outcome("ada", {"double": 50}, written="Because of this."))  # graded again
        assert toys.table(course)["ada"]["why"] == (None, 7.5, 10.0, False)
        assert toys.table(course)["ada2"]["why comment"] == "<b>Good</b>"
        assert toys.table(course)["bob"]["why"] == (None, None, 10.0, True)
        with browsing(chrome, address, complaints, scheme="dark", width="phone") as page:
            assert "Written anew." in article(page, "bob").inner_text()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            take(page, "written-phone-dark", tmp_path)
        with browsing(chrome, address.partition("?")[0], complaints) as page:
            assert "Ada" not in page.inner_text("body")
