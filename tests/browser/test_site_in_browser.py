"""The website and the slides, built for one lesson and looked at in Chromium: accessible, and whole by themselves."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
pytest.importorskip("sphinx", reason="the extra `site` is not installed")

from axe_playwright_python.sync_playwright import Axe
from jupyter_page import chromium
from story_page import browser, browsing, take

from exported import make_run
from repository import ROOT
from storyteller.inference.sampling import filters_for, probabilities
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.router import route_top_k
from storyteller.rl.advantages import group_advantages, leave_one_out
from storyteller.tokenizer.training import learn_merges

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
]

LESSON = "lessons/01_data_preparation.html"
PAGES = ["index.html", LESSON, "guides/setup.html", "guides/instructors.html", "reference/moe.html", "search.html"]
SCRIPTS = ROOT / "website" / "static" / "play"


def run_website(*options: str) -> Path:
    command = [sys.executable, "-m", "website", *options]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    return Path(found.stdout.split("\n")[0])


@pytest.fixture(scope="module")
def chrome():
    with browser() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with one lesson, all guides, a part of the reference, and the page of a run."""
    folder = tmp_path_factory.mktemp("site")
    run = make_run(folder / "run")
    front = run_website("--lessons", "01", "--packages", "moe", "--run", str(run), "--out", str(folder / "site"))
    return front.parent


RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.mark.parametrize("width", ["phone", "screen"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_page_is_accessible_and_fits(chrome, site, scheme, width, tmp_path):
    complaints: list[str] = []
    with browsing(chrome, (site / PAGES[0]).as_uri(), complaints, scheme=scheme, width=width) as page:
        for name in PAGES:
            page.goto((site / name).as_uri())
            take(page, f"site-{Path(name).stem}-{scheme}-{width}", tmp_path)
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert too_wide <= 0, name
            # Without `preload`, with which axe itself asks for the style sheets once more, and is refused for files.
            axe = Axe().run(page, options={"runOnly": RULES, "preload": False})
            assert axe.violations_count == 0, f"{name}: {axe.generate_report()[:3000]}"
    assert complaints == []  # nothing was asked for from elsewhere


def test_a_reader_unfolds_an_answer_plays_goes_on_and_comes_to_the_storyteller(chrome, site):
    complaints: list[str] = []
    with browsing(chrome, (site / "index.html").as_uri(), complaints) as page:
        assert (site / "my-storyteller.html").is_file()
        assert page.locator("article a[href='my-storyteller.html']").count() == 1
        page.goto((site / LESSON).as_uri())
        answer = page.locator(".cell details.hide:has(summary:has-text('Show the answer'))").first
        code = answer.locator("pre").first
        assert not code.is_visible()
        answer.locator("summary").click()
        assert code.is_visible()
        figure = page.locator("#play-bpe")
        figure.get_by_role("button", name="Merge", exact=True).click()
        assert "“o” and “x” became one token" in figure.inner_text()
        page.evaluate("document.body.dataset.theme = 'dark'")
        page.wait_for_function("document.documentElement.dataset.jpThemeLight === 'false'")  # the cards follow
        page.locator("a.next-page").click()
        page.wait_for_url("**/guides/index.html")
    assert complaints == []


def test_the_search_finds_a_function_of_the_library(chrome, site):
    with browsing(chrome, (site / "search.html").as_uri() + "?q=route_top_k", []) as page:
        page.wait_for_selector("#search-results li a")
        assert "reference/moe.html" in page.locator("#search-results li a").first.get_attribute("href")


def test_slides_have_a_lesson_s_figures_and_print_a_page_each(chrome):
    slides = run_website("--slides", "06")
    complaints: list[str] = []
    with browsing(chrome, slides.as_uri(), complaints) as page:
        page.wait_for_function("Reveal.isReady()")
        assert page.evaluate("Reveal.getTotalSlides()") > 40
        assert page.evaluate("document.querySelectorAll('.slides img').length") >= 10
        page.goto(slides.as_uri() + "?print-pdf")
        page.wait_for_function("document.querySelectorAll('.pdf-page').length > 40")
    assert complaints == []


@pytest.fixture(scope="module")
def figure(chrome, tmp_path_factory):
    """A function that opens a page with the script of one lesson's figure."""
    blank = tmp_path_factory.mktemp("figures") / "blank.html"
    blank.write_text("<title>blank</title>", encoding="utf-8")
    complaints: list[str] = []
    with browsing(chrome, blank.as_uri(), complaints) as page:

        def load(lesson: str):
            page.goto(blank.as_uri())
            fragment = (ROOT / "website" / "play" / f"{lesson}.html").read_text(encoding="utf-8")
            page.evaluate("(html) => { document.body.innerHTML = html; }", fragment)
            for script in ("elements", lesson):
                page.add_script_tag(path=SCRIPTS / f"{script}.js")
            return page

        yield load
    assert complaints == []


@pytest.mark.parametrize("lesson", sorted(path.stem for path in SCRIPTS.glob("0*.js")))
def test_every_control_of_a_figure_changes_what_is_said(figure, lesson):
    page = figure(lesson)
    said = {page.locator(".play").inner_text()}
    for control in page.locator(".play input[type=range]").all():
        before = page.locator(".play").inner_html()
        control.focus()
        control.press("ArrowRight" if control.evaluate("input => input.value === input.min") else "ArrowLeft")
        assert page.locator(".play").inner_html() != before
    for control in page.locator(".play button").all():
        control.click()
        said.add(page.locator(".play").inner_text())
    assert page.locator(".play input, .play select, .play button").count() >= 3
    assert len(said) > 1 or not page.locator(".play button").count()


def test_merges_are_the_library_s(figure):
    words = "fox fox fox fox fox box box box foxes foxes ox aaaa abab zebra banana"
    found = figure("01").evaluate("(text) => learnMerges(text, 12).merges.map((one) => [one.left, one.right])", words)
    wanted = learn_merges(Counter(words.split()), 12)
    assert [(left.encode(), right.encode()) for left, right in found] == wanted


def test_scores_of_rotary_positions_know_the_distance_only(figure):
    found = figure("02").evaluate("[[9, 2], [30, 23], [2, 9]].map(([m, n]) => ropeScore(m, n))")
    speeds = torch.tensor([10000 ** (-2 * pair / 8) for pair in range(4)], dtype=torch.float64)
    assert found == pytest.approx([(7 * speeds).cos().mean().item()] * 3)


def test_routing_is_the_library_s(figure):
    logits = torch.randn(30, 6, generator=torch.Generator().manual_seed(1)).mul(10).round().div(10)
    found = figure("03").evaluate("(rows) => rows.map((row, i) => routeTopK(row, 1 + i % 6))", logits.tolist())
    for i, (row, one) in enumerate(zip(logits, found, strict=True)):
        weights, _ = route_top_k(row[None], 1 + i % 6)
        assert one["weights"] == pytest.approx(weights[0].tolist(), abs=1e-6)
        assert row[one["ids"]].tolist() == row.topk(1 + i % 6).values.tolist()


def test_ways_down_are_pytorch_s(figure):
    kinds = [(torch.optim.SGD, {}), (torch.optim.SGD, {"momentum": 0.9}), (torch.optim.RMSprop, {"alpha": 0.95})]
    kinds += [(torch.optim.Adam, {"betas": (0.9, 0.95)})]
    page = figure("04")
    for way, (kind, options) in enumerate(kinds):
        place = torch.tensor([-3.0, 1.0], dtype=torch.float64, requires_grad=True)
        optimizer = kind([place], lr=0.04, **options)
        for _ in range(40):
            optimizer.zero_grad()
            (torch.tensor([0.3, 30.0], dtype=torch.float64) * place**2 / 2).sum().backward()
            optimizer.step()
        assert page.evaluate(f"wayDown({way}, 0.04).at(-1)") == pytest.approx(place.tolist(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"top_p": 0.7}, {"min_p": 0.2}, {"top_k": 5, "top_p": 0.9}])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.7])
def test_sampling_is_the_library_s(figure, settings, temperature):
    logits = torch.tensor([[3.1, 2.9, 2.2, 1.9, 1.4, 1.2, 0.6, 0.3, -0.2, -0.8, -1.5, -2.0]], dtype=torch.float64)
    wanted = probabilities(logits, filters_for(Sampling(temperature=temperature, **settings)))
    asked = {"temperature": temperature, "topK": settings.get("top_k", 12)}
    asked |= {"topP": settings.get("top_p", 1), "minP": settings.get("min_p", 0)}
    found = figure("05").evaluate("([logits, asked]) => filtered(logits, asked)", [logits[0].tolist(), asked])
    assert found == pytest.approx(wanted[0].tolist(), abs=1e-6)


def test_advantages_are_the_library_s(figure):
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0, 0.0, 0.5, 0.2, 0.0]], dtype=torch.float64)
    ways = [group_advantages(rewards), group_advantages(rewards, divide_by_std=False), leave_one_out(rewards)]
    page = figure("06")
    for kind, wanted in enumerate(ways):
        found = page.evaluate("([rewards, kind]) => advantages(rewards, kind)", [rewards[0].tolist(), kind])
        assert found == pytest.approx(wanted[0].tolist())


@pytest.mark.parametrize("ranks", [2, 3, 4, 6])
def test_the_ring_ends_with_the_sum_at_every_rank(figure, ranks):
    states = figure("07").evaluate(f"ringStates({ranks})")
    assert len(states) == 2 * (ranks - 1) + 1
    total = sum(10**rank for rank in range(ranks))
    assert all(value == total for parts in states[-1] for value in parts)
    after_half = states[ranks - 1]
    assert all(sum(value == total for value in parts) == 1 for parts in after_half)
