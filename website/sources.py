"""Which page of the site is made from which file of the repository."""

from __future__ import annotations

from pathlib import Path

from storyteller_grading.builder.repository import address_of

ROOT = Path(__file__).resolve().parents[1]

# Pages that lie outside docs/, by their name on the site. What lies in docs/ is a guide under its own name.
ELSEWHERE = {
    "README.md": "index",
    "CONTRIBUTING.md": "guides/contributing",
    "grading/README.md": "guides/instructors",
    "shared/storyteller/README.md": "guides/library",
    "course/README.md": "guides/notebooks",
    "grading/storyteller_grading/README.md": "guides/grading",
    "lessons/README.md": "guides/lessons",
}
# The guides in the order in which they stand in the menu; one that is not named here comes after these.
ORDER = ["course", "setup", "training", "commands", "instructors", "cluster", "glossary", "architecture", "design"]
ORDER += ["how_to_change", "contributing", "library", "notebooks", "grading", "lessons"]


def lesson_names() -> list[str]:
    """The lessons that have a solved notebook: `["01_data_preparation", ...]`."""
    return sorted(path.stem for path in (ROOT / "solutions").glob("0*.ipynb"))


def guides() -> dict[str, str]:
    """File in the repository to page on the site, in the order of the menu."""
    found = {page.relative_to(ROOT).as_posix(): f"guides/{page.stem}" for page in sorted(ROOT.glob("docs/*.md"))}
    found |= {file: page for file, page in ELSEWHERE.items() if page != "index"}

    def place(file: str) -> tuple[int, str]:
        name = found[file].removeprefix("guides/")
        return (ORDER.index(name) if name in ORDER else len(ORDER), name)

    return {file: found[file] for file in sorted(found, key=place)}


def packages() -> list[str]:
    """The library's packages and single modules, in the order of the lessons: `["config", "corpus", ...]`."""
    order = ["config", "errors", "corpus", "storyworld", "tokenizer", "transformer", "moe", "training", "inference"]
    order += ["evaluation", "runs", "export", "tracking", "serve", "rl", "distributed", "figures", "utils"]
    library = ROOT / "shared" / "storyteller"
    found = {path.parent.name for path in library.glob("*/__init__.py")} - {"cli"}
    found |= {path.stem for path in library.glob("*.py")} - {"__init__", "__main__"}
    return [name for name in order if name in found] + sorted(found - set(order))


def page_of(file: str) -> str | None:
    """The page that shows this file or folder of the repository; None where no page does.

    Args:
        file: a path from the repository's root, with forward slashes.
    """
    parts = file.rstrip("/").split("/")
    if parts[0] in ("lessons", "solutions") and len(parts) > 1:
        name = parts[1].removesuffix(".ipynb")
        if name in lesson_names() and (len(parts) == 2 or parts[-1].endswith((".ipynb", "lesson.md"))):
            return f"lessons/{name}"
    if parts[:2] == ["shared", "storyteller"] and len(parts) > 2 and parts[2].removesuffix(".py") in packages():
        return f"reference/{parts[2].removesuffix('.py')}"
    folders = {"docs": "guides/index", "lessons": "lessons/index", "solutions": "lessons/index"}
    return guides().get(file) or ELSEWHERE.get(file) or folders.get(file.rstrip("/"))


def repository() -> str | None:
    """The repository's address, from `[project.urls]` of pyproject.toml; None where none is set."""
    return address_of(ROOT) or None
