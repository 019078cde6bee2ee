"""Build the course's website, or the slides of a lesson.

    python -m website                      build/site/html/index.html
    python -m website --slides 01          build/slides/01_data_preparation/html/index.html
    python -m website --lessons 02         a site with one lesson: quicker, while you change the site

A run's own page is at the front where there is a run: `--run runs/tiny`, which `make story` trains. Without one the
front page says how to make it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from pathlib import Path

from storyteller.errors import StorytellerError
from website.lessons import lesson_page
from website.links import rewrite
from website.reference import reference_pages
from website.run_sphinx import run_sphinx
from website.sources import ROOT, guides, lesson_names

HERE = Path(__file__).parent
STORYTELLER = "my-storyteller.html"


def main() -> int:
    """Read the command line, build, and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m website", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder to build in")
    parser.add_argument("--lessons", nargs="*", help="only these lessons, by number")
    parser.add_argument("--packages", nargs="*", help="only these packages in the reference")
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "tiny", help="a trained run, for its own page")
    parser.add_argument("--slides", metavar="LESSON", help="the slides of one lesson, in place of the site")
    asked = parser.parse_args()
    try:
        if asked.slides:
            from website.slides import build_slides

            page = build_slides(named(asked.slides), ROOT / "build" / "slides")
            print(f"{page}\nTo print them, or to save a PDF, open {page.as_uri()}?print-pdf and print the page.")
            return 0
        lessons = [named(one) for one in asked.lessons] if asked.lessons else lesson_names()
        page = build_site(asked.out, lessons, asked.packages, asked.run)
    except StorytellerError as error:
        print(error, file=sys.stderr)
        return 2
    print(page)
    return 0


def named(asked: str) -> str:
    """The lesson that someone means: `"01"` or its whole name."""
    names = lesson_names()
    found = [name for name in names if name == asked or name.split("_")[0] == asked.zfill(2)]
    if not found:
        raise StorytellerError(f"There is no lesson '{asked}': the lessons are {', '.join(names)}.")
    return found[0]


def build_site(out: Path, lessons: list[str], packages: list[str] | None, run: Path) -> Path:
    """Make the sources, and have Sphinx build the pages; what it warns of is an error.

    Args:
        out: gets source/ and html/.
        lessons: names of lessons.
        packages: of the reference; None: all.
        run: a trained run, whose page is at the front if it is there.

    Returns:
        The front page.
    """
    source, html = out / "source", out / "html"
    for folder in (source, html, out / "extra"):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    for name in lessons:
        lesson_page(name, source)
    menu(source / "lessons" / "index.md", "The lessons", lessons, (HERE / "pages" / "lessons.md").read_text("utf-8"))
    for file, page in guides().items():
        text = rewrite((ROOT / file).read_text(encoding="utf-8"), file, page, source)
        (source / f"{page}.md").parent.mkdir(exist_ok=True)
        (source / f"{page}.md").write_text(text, encoding="utf-8")
    names = [page.removeprefix("guides/") for page in guides().values()]
    menu(source / "guides" / "index.md", "Guides", names, (HERE / "pages" / "guides.md").read_text("utf-8"))
    reference_pages(source, packages)
    has_own_page = own_page(run, out / "extra")
    front = (HERE / "pages" / ("with_run.md" if has_own_page else "without_run.md")).read_text(encoding="utf-8")
    index = (HERE / "pages" / "index.md").read_text(encoding="utf-8").replace("{{own_page}}", front.strip())
    (source / "index.md").write_text(index, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "pictures", source / "pictures", dirs_exist_ok=True)
    os.environ["STORYTELLER_SITE_EXTRA"] = str(out / "extra")
    run_sphinx("html", source, html, out / "doctrees")
    return html / "index.html"


def menu(file: Path, title: str, pages: list[str], text: str) -> None:
    """Write the page at the head of a part of the site."""
    file.parent.mkdir(parents=True, exist_ok=True)
    listed = "\n".join(pages)
    file.write_text(f"# {title}\n\n{text}\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n", encoding="utf-8")


def own_page(run: Path, folder: Path) -> bool:
    """Export the page of a trained run into a folder, and say whether there was such a run."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(run.glob("step-*")):  # its checkpoints
        return False
    from storyteller.export import export_run

    with contextlib.redirect_stdout(sys.stderr):
        export_run(run, folder / STORYTELLER, format="html")
    return True


if __name__ == "__main__":
    sys.exit(main())
