"""A reader at the page that tells stories, in Chromium.

The pictures that the tests take lie in pytest's temporary folder; STORYTELLER_SHOTS=DIR puts them elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_page import SECONDS, chromium, wait_for

from ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = {"phone": (390, 844), "screen": (1280, 900)}


@contextmanager
def serving(run: Path, folder: Path) -> Iterator[str]:
    """The address of `storyteller serve`, running in a process of its own."""
    port, log = free_port(), folder / "server.log"
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
def browser() -> Iterator[Browser]:
    """Chromium."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield chrome
        chrome.close()


@contextmanager
def browsing(
    chrome: Browser, address: str, complaints: list[str], *, scheme: str = "light", width: str = "screen"
) -> Iterator[Page]:
    """The page, which reaches this machine only; what it asks for elsewhere or complains of is noted."""
    wide, high = WIDTHS[width]
    context = chrome.new_context(
        viewport={"width": wide, "height": high}, color_scheme=scheme, has_touch=width == "phone"
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def refuse(route):
        complaints.append(route.request.url)
        route.abort()

    own = ("data:", "blob:", "file:" if address.startswith("file:") else "http://127.0.0.1")
    page.route(lambda url: not url.startswith(own), refuse)
    page.goto(address)
    yield page
    context.close()


def take(page: Page, name: str, folder: Path) -> None:
    """A picture of the whole page."""
    folder = Path(os.environ.get("STORYTELLER_SHOTS", folder))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def fill(page: Page, **settings: object) -> None:
    """Write settings into the form, those behind "More settings" too."""
    page.locator("details.settings").evaluate("details => details.open = true")
    for name, value in settings.items():
        page.locator(f"#{name}").fill(str(value))


def ask(page: Page, **settings: object) -> None:
    """Ask for a story."""
    fill(page, **settings)
    page.get_by_role("button", name="Tell", exact=True).click()


def wait_until_told(page: Page) -> None:
    """Until the model is free again."""
    page.wait_for_function("() => !document.getElementById('tell').disabled")


def wait_for_the_end(page: Page) -> None:
    """Until a story was told to its end, or cut at its length."""
    page.wait_for_function("() => document.getElementById('status').textContent.includes('a second')")
