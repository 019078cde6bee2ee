"""Every link and anchor of the built pages leads somewhere on the site, and no page fetches anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, what it fetches, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.anchors: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag says."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        if tag == "link" and found.get("rel") not in ("canonical", "author"):
            self.fetched.add(found.get("href", ""))
        if "src" in found:
            self.fetched.add(found["src"])


def drop_dead_ways_back(folder: Path) -> None:
    """Take away the links from a source page to entries of the reference that do not exist.

    Sphinx writes one beside each function that it has read, also beside those that no page of the reference names, and
    under the name of whichever module it met first.
    """
    anchors: dict[Path, set[str]] = {}
    for path in sorted((folder / "_modules").rglob("*.html")):

        def kept(link: re.Match[str], here: Path = path.parent) -> str:
            parts = urlsplit(link[1])
            there = (here / unquote(parts.path)).resolve()
            if there not in anchors:
                anchors[there] = Page(there.read_text(encoding="utf-8")).anchors if there.exists() else set()
            return link[0] if unquote(parts.fragment) in anchors[there] else ""

        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r'<a class="viewcode-back" href="([^"]+)">.*?</a>', kept, text), encoding="utf-8")


def broken_links(folder: Path) -> list[str]:
    """One line for each link that leads nowhere and each thing that is fetched from elsewhere; empty if all is well.

    Links to other sites are not followed.

    Args:
        folder: the built pages.
    """
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links | page.fetched):
            name, parts = path.relative_to(folder), urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.fetched and parts.scheme != "data":
                    wrong.append(f"{name} fetches {link}")
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not there.exists():
                wrong.append(f"{name} links to {link}: there is no such file")
            elif there in pages and unquote(parts.fragment) not in pages[there].anchors:
                wrong.append(f"{name} links to {link}: that page has no such anchor")
    return wrong
