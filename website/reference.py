"""The pages of the library's reference: one for each package, with all its public modules."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

from website.sources import ROOT, packages


def reference_pages(source: Path, only: list[str] | None = None) -> None:
    """Write `reference/index.md` and a page for each package.

    Args:
        source: the folder of Sphinx's sources.
        only: the packages that are described; None: all. The others get a page that says so.
    """
    folder = source / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    names = packages()
    for name in names:
        page = (
            package_page(name) if only is None or name in only else f"{name}\n{'=' * len(name)}\n\nNot in this build.\n"
        )
        (folder / f"{name}.rst").write_text(page, encoding="utf-8")
    (folder / "course.rst").write_text(course_page(), encoding="utf-8")
    intro = (
        "# The library\n\nWhat each package of `storyteller` holds, from its docstrings. They stand in the order of "
        "the lessons that teach them, and each builds only on those before it.\n\n"
    )
    rows = "".join(f"| [`{name}`]({name}.rst) | {' | '.join(summary(name))} |\n" for name in names)
    rows += "| [`storyteller_course`](course.rst) |  | what a notebook calls: `check`, `hint`, `predict`, `use` |\n"
    menu = "\n".join([*names, "course"])
    (folder / "index.md").write_text(
        f"{intro}| package | lesson | what it holds |\n| --- | --- | --- |\n{rows}\n"
        f"```{{toctree}}\n:hidden:\n\n{menu}\n```\n",
        encoding="utf-8",
    )


def package_page(name: str) -> str:
    """The page of a package, or of a single module: each public module under a heading of its own."""
    title = f"storyteller.{name}"
    page = f"{title}\n{'=' * len(title)}\n\n.. automodule:: {title}\n   :members:\n   :ignore-module-all:\n\n"
    folder = ROOT / "shared" / "storyteller" / name
    for module in pkgutil.walk_packages([str(folder)], f"{title}."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            heading = module.name.removeprefix(f"{title}.")
            page += f"{heading}\n{'-' * len(heading)}\n\n.. automodule:: {module.name}\n   :members:\n\n"
    return page


def course_page() -> str:
    """The page of what a notebook calls."""
    title = "storyteller_course"
    page = f"{title}\n{'=' * len(title)}\n\nWhat the cells of a lesson call.\n\n"
    functions = {"check": ["check", "hint", "progress"], "predict": ["predict", "reveal"], "use": ["use"]}
    for module, names in functions.items():
        page += f".. automodule:: storyteller_course.notebook.{module}\n   :members: {', '.join(names)}\n\n"
    return page


def summary(name: str) -> tuple[str, str]:
    """The number of the lesson that teaches a package, "" for none, and what it holds: its docstring's first line."""
    path = ROOT / "shared" / "storyteller" / name / "__init__.py"
    path = path if path.is_file() else ROOT / "shared" / "storyteller" / f"{name}.py"
    first = path.read_text(encoding="utf-8").split('"""')[1].strip().split("\n")[0]
    lesson, what = re.fullmatch(r"(?:Lesson (\d\d): )?(.*?)\.?", first).groups(default="")  # type: ignore[union-attr]
    return lesson, what
