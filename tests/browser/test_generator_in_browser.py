"""A student at the story generator, in JupyterLab in Chromium."""

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import NotebookPage, browsing, chromium, serving

from tellers import make_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
]


def test_the_form_tells_a_story_and_shows_the_experts(tmp_path):
    named = os.environ.get("STORYTELLER_RUN")
    run = Path(named) if named else make_run(tmp_path / "run", max_seq_len=256)
    shots = Path(os.environ.get("STORYTELLER_SHOTS", tmp_path / "shots"))
    shots.mkdir(parents=True, exist_ok=True)
    foreign: list[str] = []
    with serving(tmp_path / "my-lessons", tmp_path) as address, browsing(foreign) as context:
        notebook = NotebookPage(context.new_page(), shots)
        notebook.open(address)
        notebook.reply(
            "from pathlib import Path\n"
            "from storyteller import figures as plots\n"
            "from storyteller.runs.load import load_model\n"
            f"plots.generator(*load_model(Path({str(run)!r})), opening='One day')"
        )
        page = notebook.page
        page.get_by_label("opening").fill("The old fox")
        page.get_by_role("button", name="Tell", exact=True).click()
        page.wait_for_function(
            "() => document.querySelector('.widget-html .traced-story')?.innerText.startsWith('The old fox')"
            " && document.querySelectorAll('.widget-html .token').length > 5"
        )
        page.wait_for_function(
            "() => [...document.querySelectorAll('button')].some(b => b.innerText == 'Stop' && b.disabled)"
        )
        token = page.locator(".widget-html .token:visible").nth(3)  # control characters have no width
        token.scroll_into_view_if_needed()
        token.hover()
        card = token.locator(".card")
        card.wait_for(state="visible")
        assert "experts at work: layer 0:" in card.inner_text()
        notebook.shot("generator")
        page.get_by_label("greedy").check()
        page.locator("input[type=number]:disabled").nth(1).wait_for()  # top-k and seed
        notebook.shot("generator-greedy")
    assert foreign == []
