"""Links between files of the repository become links between pages of the site."""

from __future__ import annotations

import os.path
import posixpath
import re
import shutil
from pathlib import Path

from website.sources import ROOT, page_of, repository

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
IMAGE_TAG = re.compile(r'(<img src=")([^"]+)(")')
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def rewrite(text: str, file: str, page: str, source: Path) -> str:
    """The markdown of a file, with links that hold on its page of the site.

    A link to a file that no page shows leads to the repository, where its address is known; otherwise its words
    stay, without a link. Pictures are copied; of one that lies elsewhere, a badge say, only the words are kept.

    Args:
        text: markdown.
        file: where it comes from, from the repository's root.
        page: the name of its page.
        source: the folder of Sphinx's sources, into which pictures go.

    Raises:
        FileNotFoundError: a link to a file that does not exist.
    """

    def target(link: str) -> str | None:
        if link.startswith(("#", "http://", "https://", "mailto:")):
            return link
        path, _, anchor = link.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        if not (ROOT / there).exists():
            raise FileNotFoundError(f"{file} links to {link}, and there is no such file")
        shown = page_of(there)
        if shown == page:
            return f"#{anchor}" if anchor else None
        if shown is not None:
            suffix = ".rst" if shown.startswith("reference/") else ".ipynb" if shown.startswith("lessons/0") else ".md"
            return posixpath.relpath(shown, posixpath.dirname(page) or ".") + suffix + (f"#{anchor}" if anchor else "")
        return f"{repository()}/blob/main/{there}" if repository() else None

    def picture(link: str) -> str:
        there = (ROOT / os.path.dirname(file) / link).resolve()
        (source / "pictures").mkdir(parents=True, exist_ok=True)
        shutil.copy(there, source / "pictures" / there.name)
        return posixpath.relpath(f"pictures/{there.name}", posixpath.dirname(page) or ".")

    def link(match: re.Match[str]) -> str:
        is_image, words, where = match.groups()
        if is_image:
            return words if "://" in where else f"![{words}]({picture(where)})"
        words, led = LINK.sub(link, words), target(where)
        return words if led is None else f"[{words}]({led})"

    def outside_fences(part: str) -> str:
        part = IMAGE_TAG.sub(lambda found: found[1] + picture(found[2]) + found[3], part)
        return LINK.sub(link, part)

    pieces, start = [], 0
    for fence in FENCE.finditer(text):
        pieces += [outside_fences(text[start : fence.start()]), fence[0]]
        start = fence.end()
    return "".join([*pieces, outside_fences(text[start:])])
