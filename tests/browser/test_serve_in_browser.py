"""A reader at the page of `storyteller serve`, in Chromium.

The pictures that these tests take lie in pytest's temporary folder; STORYTELLER_SHOTS=DIR puts them elsewhere.
"""

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import SECONDS, chromium, wait_for

from ports import free_port
from tellers import make_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(find_spec("uvicorn") is None, reason="the extra `serve` is not installed"),
]


DRAWING = ("temperature", "top_k", "top_p", "min_p", "typical_p", "seed")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a running `storyteller serve`. STORYTELLER_RUN names another model to look at."""
    named = os.environ.get("STORYTELLER_RUN")
    run = Path(named) if named else make_run(tmp_path_factory.mktemp("run"), max_seq_len=256)
    port, log = free_port(), tmp_path_factory.mktemp("log") / "server.log"
    with open(log, "w", encoding="utf-8") as file:
        command = [sys.executable, "-m", "storyteller", "serve", str(run), "--port", str(port), "--device", "cpu"]
        server = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            wait_for(f"http://127.0.0.1:{port}/", server, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(SECONDS)


@contextmanager
def browsing(scheme: str, foreign: list[str]):
    """A page that reaches this machine only; what else it asks for, or complains of, is noted in `foreign`."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        page = browser.new_page(viewport={"width": 1000, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", lambda message: foreign.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: foreign.append(str(error)))

        def refuse(route):
            foreign.append(route.request.url)
            route.abort()

        page.route(lambda url: not url.startswith(("http://127.0.0.1", "data:")), refuse)
        yield page
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(request, address):
    foreign: list[str] = []
    with browsing(request.param, foreign) as page:
        page.goto(address)
        yield page
    assert [text for text in foreign if "422" not in text] == []  # Chromium notes each refused wish as an error


@pytest.fixture
def shot(tmp_path, page, request):
    folder = Path(os.environ.get("STORYTELLER_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    scheme = request.node.callspec.params["page"]
    return lambda name: page.screenshot(path=folder / f"serve-{name}-{scheme}.png")


def ask(page, **settings) -> None:
    for name, value in settings.items():
        page.locator(f"#{name}").fill(str(value))
    page.get_by_role("button", name="Tell").click()


def wait_until_told(page) -> None:
    page.wait_for_function("() => !document.getElementById('tell').disabled")


def test_an_opening_is_continued_token_by_token(page, shot):
    ask(page, opening="the <b>old</b> fox", length=300, temperature=2, seed=7)
    page.wait_for_function("() => document.querySelectorAll('.token').length > 5")
    wait_until_told(page)
    assert page.locator("#story").inner_text().startswith("the <b>old</b> fox")
    assert page.locator("#story .opening").inner_text() == "the <b>old</b> fox"
    assert "a second" in page.locator("#status").inner_text()
    token = page.locator("#story .token").nth(3)
    card = token.locator(".card")
    assert not card.is_visible()
    token.hover()
    card.wait_for(state="visible")
    text = card.inner_text()
    assert "experts at work: layer 0:" in text
    assert text.count("%") >= 7  # probability, chance and five alternatives
    shot("story")
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_the_keyboard_reaches_every_token(page):
    ask(page, opening="the fox", length=12, temperature=2, seed=7)
    wait_until_told(page)
    assert page.locator("#story .token[tabindex='0']").count() == 1
    page.locator("#stop").evaluate("button => button.disabled = false")
    page.locator("#stop").focus()
    page.keyboard.press("Tab")
    focused = "() => [...document.querySelectorAll('.token')].indexOf(document.activeElement)"
    assert page.evaluate(focused) == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == 2
    assert page.locator("#story .token").nth(2).locator(".card").is_visible()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == 1


def test_a_bad_temperature_is_refused_on_the_page(page, shot):
    ask(page, temperature=0)
    problem = page.get_by_role("alert")
    problem.wait_for()
    assert "temperature is 0; it must be above 0" in problem.inner_text()
    shot("problem")
    ask(page, temperature=0.8, length=5)
    wait_until_told(page)
    assert not problem.is_visible()


def test_greedy_greys_out_what_says_how_to_draw_and_does_not_depend_on_it(page, shot):
    greedy, told = page.get_by_label("Greedy"), []
    for settings in ({"seed": 1, "temperature": 0}, {"seed": 2, "temperature": 3}):  # 0 alone would be refused
        greedy.uncheck()
        for name, value in settings.items():
            page.locator(f"#{name}").fill(str(value))
        greedy.check()
        assert all(page.locator(f"#{name}").is_disabled() for name in DRAWING)
        assert page.locator("#length").is_enabled()
        assert page.locator("#repetition_penalty").is_enabled()
        ask(page, opening="the fox", length=12)
        page.wait_for_function("() => document.getElementById('status').textContent.includes('a second')")
        told.append(page.locator("#story").inner_text())
        shot("greedy")
    assert told[0] == told[1]
    greedy.uncheck()
    assert page.locator("#temperature").is_enabled()


def test_stop_ends_the_story(page):
    seed, stop = 1, page.get_by_role("button", name="Stop")
    while True:  # some stories are over before a hand could stop them, or while it does
        ask(page, length=1000, temperature=3, seed=seed)
        with suppress(Exception):  # playwright's timeout, whose class is only there with the extra
            stop.click(timeout=1000)
        wait_until_told(page)
        if page.locator("#status").inner_text() == "Stopped.":
            break
        seed += 1
        assert seed < 20
    told = page.locator("#story .token").count()
    page.wait_for_timeout(300)
    assert page.locator("#story .token").count() == told < 1000
    ask(page, length=5)  # the model is free again
    page.wait_for_function("() => document.getElementById('status').textContent.includes('a second')")
