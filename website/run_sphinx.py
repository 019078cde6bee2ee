"""Sphinx, for the site and for slides: what it warns of is an error, and so is a link that leads nowhere."""

from __future__ import annotations

from pathlib import Path

from storyteller.errors import StorytellerError
from website.check_links import broken_links, drop_dead_ways_back


def run_sphinx(builder: str, source: Path, html: Path, doctrees: Path) -> None:
    """Build pages.

    Args:
        builder: such as "html".
        source: the folder of the sources.
        html: gets the pages.
        doctrees: what Sphinx keeps of the sources that it has read.

    Raises:
        StorytellerError: Sphinx has complained, or a link leads nowhere.
    """
    from sphinx.cmd.build import build_main

    command = ["-c", str(Path(__file__).parent), "-b", builder, "-d", str(doctrees), "-W"]
    if builder == "html":  # slides are a single page, and their builder reads in one process only
        command += ["-j", "auto"]
    if build_main([*command, "--keep-going", "-q", str(source), str(html)]):
        raise StorytellerError("Sphinx has complained, see above: mend what it names, and build again.")
    drop_dead_ways_back(html.resolve())
    if wrong := broken_links(html.resolve()):
        raise StorytellerError("Some links lead nowhere:\n" + "\n".join(wrong))
