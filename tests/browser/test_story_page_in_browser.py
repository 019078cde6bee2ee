"""A reader at the page that tells stories, with both back ends: `storyteller serve`, and the model in the page."""

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import chromium
from story_page import WIDTHS, ask, browser, browsing, fill, serving, take, wait_for_the_end, wait_until_told

from storyteller.export import export_run
from storyteller.inference.sampling_options import SAMPLING_OPTIONS
from tellers import make_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(find_spec("uvicorn") is None, reason="the extra `serve` is not installed"),
]

# The fields that say how to draw: greedy decoding ignores them.
DRAWING = [option.form_name for option in SAMPLING_OPTIONS.values() if option.greedy_ignores]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """Of each back end. STORYTELLER_RUN names another model to look at."""
    named = os.environ.get("STORYTELLER_RUN")
    run = Path(named) if named else make_run(tmp_path_factory.mktemp("run"), max_seq_len=256)
    file = tmp_path_factory.mktemp("page") / "fox.html"
    export_run(run, file, format="html")
    with serving(run, tmp_path_factory.mktemp("log")) as address:
        yield {"server": address, "file": file.as_uri()}


@pytest.fixture(scope="module")
def chrome():
    with browser() as chrome:
        yield chrome


@pytest.fixture(params=["server", "file"])  # where the model is
def backend(request):
    return request.param


@pytest.fixture
def scheme():
    return "light"


@pytest.fixture
def width():
    return "screen"


@pytest.fixture
def page(chrome, addresses, backend, scheme, width):
    complaints: list[str] = []
    with browsing(chrome, addresses[backend], complaints, scheme=scheme, width=width) as page:
        yield page
    assert [text for text in complaints if "422" not in text] == []  # Chromium notes each refused wish as an error


everywhere = pytest.mark.parametrize(
    ("scheme", "width"), [(scheme, width) for scheme in ("light", "dark") for width in WIDTHS]
)


@everywhere
def test_an_opening_is_continued_token_by_token(page, backend, scheme, width, tmp_path):
    ask(page, opening="the <b>old</b> fox", length=200, temperature=2, seed=7)
    page.wait_for_function("() => document.querySelectorAll('#story .token').length > 5")
    wait_for_the_end(page)
    assert page.locator("#story").inner_text().startswith("the <b>old</b> fox")
    assert page.locator("#story .opening").inner_text() == "the <b>old</b> fox"
    card, token = page.locator("#card"), page.locator("#story .token").nth(3)
    assert not card.is_visible()
    if width == "phone":
        token.tap()
    else:
        token.hover()
    card.wait_for(state="visible")
    text = card.inner_text()
    assert "experts at work: layer 0:" in text
    assert text.count("%") >= 7  # probability, chance and five alternatives
    take(page, f"{backend}-{width}-{scheme}", tmp_path)
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", WIDTHS)
def test_every_token_s_card_is_whole_on_the_screen(page, width):
    ask(page, opening="the fox", length=80, temperature=2, seed=7)
    wait_for_the_end(page)
    boxes = page.evaluate("""() => [...document.querySelectorAll("#story .token")].map((token) => {
        token.focus();
        const { left, top, right, bottom } = document.getElementById("card").getBoundingClientRect();
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && right - left > 50;
    })""")
    assert len(boxes) > 20
    assert all(boxes)


def test_the_keyboard_reaches_everything(page):
    page.locator("#opening").focus()
    page.keyboard.press("Control+Enter")
    wait_for_the_end(page)
    assert page.locator("#story .token[tabindex='0']").count() == 1
    page.locator("#another").focus()
    page.keyboard.press("Tab")  # Stop is disabled
    focused = "() => [...document.querySelectorAll('#story .token')].indexOf(document.activeElement)"
    assert page.evaluate(focused) == 0
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == place
        assert page.locator("#card").is_visible()
    assert page.locator("#story .token").first.get_attribute("aria-describedby") == "card"
    page.keyboard.press("Escape")
    assert not page.locator("#card").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.id") == "picture"


def test_another_story_has_another_seed_and_the_first_comes_back(page):
    ask(page, opening="the fox", length=30, temperature=2, seed=7)
    wait_for_the_end(page)
    first = page.locator("#story").inner_text()
    assert not page.locator("#past").is_visible()
    page.get_by_role("button", name="Another story").click()
    wait_for_the_end(page)
    assert page.locator("#seed").input_value() == "8"
    assert page.locator("#story").inner_text() != first
    assert page.locator("#history button").count() == 2
    page.locator("#history button").first.click()
    assert page.locator("#story").inner_text() == first
    ask(page, seed=7)
    wait_for_the_end(page)
    assert page.locator("#story").inner_text() == first
    assert page.locator("#history button").count() == 3


def test_an_opening_is_tapped(page):
    page.get_by_role("button", name="let it begin").click()
    wait_for_the_end(page)
    assert page.locator("#opening").input_value() == ""
    assert page.locator("#story .opening").inner_text() == ""


def test_the_colours_show_experts_too(page):
    ask(page, opening="the fox", length=30, temperature=2, seed=7)
    wait_for_the_end(page)
    grounds = "() => [...document.querySelectorAll('#story .token')].map(t => getComputedStyle(t).backgroundColor)"
    by_probability = page.evaluate(grounds)
    assert page.locator("#colours option").count() == 3  # and two layers
    page.locator("#colours").select_option(index=1)
    first = "() => [...document.querySelectorAll('#story .token')].map(t => t.line.experts[0][0])"
    by_expert, experts = page.evaluate(grounds), page.evaluate(first)
    assert by_expert != by_probability
    assert len(set(experts)) > 1
    assert len({*zip(experts, by_expert, strict=True)}) == len(set(experts)) == len(set(by_expert))
    page.locator("#colours").select_option(index=0)
    assert page.evaluate(grounds) == by_probability


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": 0}, "Temperature is 0; it must be between 0.1 and 5."),
        ({"seed": 1.5}, "Seed is 1.5; it must be a whole number."),
        ({"length": 5000}, "it must be between 1 and 1000"),
        ({"opening": "a <|endoftext|>"}, "special token"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_setting_is_refused_on_the_page(page, settings, words):
    ask(page, **settings)
    problem = page.get_by_role("alert")
    problem.wait_for()
    assert words in problem.inner_text()
    ask(page, opening="the fox", temperature=0.8, seed=1, length=5)
    wait_for_the_end(page)
    assert not problem.is_visible()


def test_greedy_greys_out_what_says_how_to_draw_and_does_not_depend_on_it(page):
    told = []
    fill(page)
    greedy = page.get_by_label("Greedy")
    for settings in ({"seed": 1, "temperature": 0}, {"seed": 2, "temperature": 3}):  # 0 alone would be refused
        greedy.uncheck()
        fill(page, **settings)
        greedy.check()
        assert all(page.locator(f"#{name}").is_disabled() for name in DRAWING)
        assert page.locator("#length").is_enabled()
        assert page.locator("#repetition_penalty").is_enabled()
        ask(page, opening="the fox", length=12)
        wait_for_the_end(page)
        told.append(page.locator("#story").inner_text())
    assert told[0] == told[1]
    greedy.uncheck()
    assert page.locator("#temperature").is_enabled()


# Every token takes 5 ms more, where the model is in the page: the test's is too small to be stopped by hand.
SLOWLY = """() => {
    const read = Model.prototype.read;
    Model.prototype.read = function (id) {
        for (const until = performance.now() + 5; performance.now() < until; );
        return read.call(this, id);
    };
}"""


def test_stop_ends_the_story(page, backend):
    if backend == "file":
        page.evaluate(SLOWLY)
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
    wait_for_the_end(page)


def test_a_story_is_saved_as_a_picture(page, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with matplotlib")
    ask(page, opening="the fox and the owl", length=200, temperature=2, seed=7)
    wait_for_the_end(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this story as a picture").click()
    assert download.value.suggested_filename == "story-7.png"
    download.value.save_as(tmp_path / "card.png")
    with image.open(tmp_path / "card.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 1080
        assert picture.height > 500
        colors = picture.convert("RGB").getcolors(1 << 20)
        assert len(colors) > 20  # letters, with their soft edges
        assert max(count for count, _ in colors) > 0.6 * picture.width * picture.height  # on paper of one colour


def test_the_page_says_what_its_model_is(page):
    summary, foot = page.locator("#summary").inner_text(), page.locator("footer").inner_text()
    assert "A Mixture of Experts with" in summary
    assert "runs/" not in summary + page.title()
    assert "of which a token passes through" in foot
    assert "Every part, from the tokenizer to the training loop, is the course's." in foot
