"""A student at a real Jupyter: a server in a process of its own, and a notebook's page in Debian's Chromium."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ports import free_port

if TYPE_CHECKING:  # the extra `browser`, which the other tests do without
    from playwright.sync_api import BrowserContext, Locator, Page

SECONDS = 120  # for a cell, a kernel's start, a server's start; a busy machine is slow
LESSON_SECONDS = 900  # for all cells of a lesson
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# The notebook's model is asked where a cell is and whether it has run; typing and clicking are a student's.
SCRIPT = """
window.lesson = {
  panel: () => window.jupyterapp?.shell?.currentWidget,
  cells: () => lesson.panel()?.content?.widgets ?? [],
  model: id => lesson.cells().find(cell => cell.model.id === id).model,
  ready: () => lesson.cells().length > 0 && lesson.panel().sessionContext?.session?.kernel?.status === 'idle',
  count: id => lesson.model(id).executionCount ?? 0,
  hasRun: ([id, before]) => lesson.count(id) > before && lesson.model(id).executionState === 'idle',
  code: () => lesson.cells().map(cell => cell.model).filter(model => model.type === 'code'),
  forgetCounts: () => lesson.code().forEach(model => { model.executionCount = null; }),
  last: () => lesson.code().at(-1).id,
  withText: text => lesson.code().find(model => model.sharedModel.source.includes(text)).id,
  goTo: id => {
    const content = lesson.panel().content;
    content.activeCellIndex = lesson.cells().findIndex(cell => cell.model.id === id);
    return content.scrollToItem(content.activeCellIndex, 'start');
  },
};
"""


def chromium() -> str | None:
    """Where the browser is, if there is one."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


@contextmanager
def serving(work: Path, home: Path, *options: str) -> Iterator[str]:
    """Run `storyteller lab` with nothing of this user's settings; gives the address with its token."""
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "storyteller", "lab", "--work", str(work), "--no-browser", "--port", str(port)]
    others = ["--allow-root", f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0"]
    apps = [f"--{app}.expose_app_in_browser=True" for app in ("LabApp", "JupyterNotebookApp")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "STORYTELLER"))}
    with open(home / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [*command, *options, "--", *others, *apps],
            env={**clean, "HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home)},
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "server.log")
            yield f"http://127.0.0.1:{port}/?token={token}"
        finally:
            server.terminate()
            server.wait(SECONDS)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until a server answers."""
    for _ in range(SECONDS * 5):
        try:
            with urllib.request.urlopen(address, timeout=SECONDS):
                return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.2)
    raise AssertionError(log.read_text(encoding="utf-8"))


@contextmanager
def browsing(foreign: list[str]) -> Iterator[BrowserContext]:
    """A browser that reaches this machine only; what else it is asked for is noted in `foreign`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(SECONDS * 1000)
        context.add_init_script(SCRIPT)

        def refuse(route):
            foreign.append(route.request.url)
            route.abort()

        context.route(lambda url: not url.startswith(("http://127.0.0.1", "data:", "blob:")), refuse)
        yield context
        browser.close()


@dataclass
class NotebookPage:
    """One notebook's page, in Lab or in the classic Notebook."""

    page: Page
    shots: Path  # where pictures go

    def open(self, address: str) -> None:
        """Go to an address and wait for the notebook's kernel."""
        self.page.goto(address)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the notebook is there and its kernel idle."""
        self.page.wait_for_function("() => lesson.ready()")

    def go_to(self, cell: str) -> Locator:
        """Scroll to a cell and make it the active one."""
        self.page.evaluate("id => lesson.goTo(id)", cell)
        found = self.page.locator(".jp-Notebook-cell.jp-mod-active:visible")
        found.wait_for()
        return found

    def write(self, cell: str, text: str) -> None:
        """Replace what stands in a cell by typing."""
        self.go_to(cell).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)

    def run(self, cell: str) -> str:
        """Run a cell with the keyboard, wait until it has run; returns its output as it is read on the page."""
        found = self.go_to(cell)
        before = self.page.evaluate("id => lesson.count(id)", cell)
        found.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function("given => lesson.hasRun(given)", arg=[cell, before])
        return self.output(cell)

    def answer(self, cell: str, text: str) -> str:
        """Write an answer and run its cell and its check; returns what the check shows."""
        self.write(cell, text)
        self.run(cell)
        return self.run(f"{cell}-check")

    def output(self, cell: str) -> str:
        """What a cell shows below its code."""
        output = self.go_to(cell).locator(".jp-OutputArea").first
        return output.inner_text() if output.count() else ""

    @property
    def last(self) -> str:
        """The last code cell."""
        return str(self.page.evaluate("() => lesson.last()"))

    def cell_with(self, text: str) -> str:
        """The first code cell with this text."""
        return str(self.page.evaluate("text => lesson.withText(text)", text))

    def reply(self, code: str) -> str:
        """Type code into the last cell, run it, and return what it shows."""
        self.write(self.last, code)
        return self.run(self.last)

    def run_all(self) -> None:
        """Run > Run All Cells, and wait until the last cell has run."""
        last = self.last
        before = self.page.evaluate("id => lesson.count(id)", last)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.page.wait_for_function("given => lesson.hasRun(given)", arg=[last, before], timeout=LESSON_SECONDS * 1000)

    def restart_kernel(self) -> None:
        """Kernel > Restart Kernel, and wait until the new one is there."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_text("Restart Kernel…", exact=True).click()
        with self.page.expect_response(lambda response: response.url.split("?")[0].endswith("/restart")):
            self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.wait_until_ready()
        self.page.evaluate("() => lesson.forgetCounts()")  # the new kernel begins at 1 again

    def move_slider(self, cell: str) -> str:
        """Move a slider one step to the right; returns what the cell shows once that has changed."""
        found = self.go_to(cell)
        handle = found.locator(".noUi-handle, input[type=range]").first
        handle.wait_for()
        before = self.output(cell)
        handle.focus()
        self.page.keyboard.press("ArrowRight")
        self.page.wait_for_function(
            "([area, before]) => area.innerText !== before",
            arg=[found.locator(".jp-OutputArea").first.element_handle(), before],
        )
        return self.output(cell)

    def validate(self, shot: str) -> str:
        """Press nbgrader's Validate button and take a picture; returns the verdict."""
        self.page.get_by_role("button", name="Validate", exact=True).first.click()
        verdict = self.page.locator(".jp-Dialog").filter(has_text="Validation Results")
        verdict.wait_for(timeout=LESSON_SECONDS * 1000)
        self.shot(shot)
        text = verdict.inner_text()
        verdict.get_by_role("button", name="Ok").click()
        return text

    def go_to_first_link(self, text: str) -> Locator:
        """The first link whose address has this text."""
        link = self.page.locator(f".jp-RenderedMarkdown a[href*='{text}']").first
        link.scroll_into_view_if_needed()
        return link

    def shot(self, name: str) -> None:
        """Take a picture of the page."""
        self.page.screenshot(path=self.shots / f"{name}.png")
