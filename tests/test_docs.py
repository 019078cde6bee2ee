"""What the pages for those who carry on mention is there: every path and every name. Links: see `test_readme.py`."""

import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from repository import ROOT

ROOMS = (
    "shared/storyteller/README.md",
    "course/README.md",
    "grading/storyteller_grading/README.md",
    "lessons/README.md",
)
PAGES = [*sorted(ROOT.glob("docs/*.md")), *(ROOT / page for page in ROOMS)]
# A path is meant from the repository's root, the page's folder, one of the three packages or a lesson's folder.
PACKAGES = [
    ROOT / place for place in ("shared/storyteller", "course/storyteller_course", "grading/storyteller_grading")
]
PLACEHOLDERS = {"0N_name": "0[0-9]_*", "0N": "0[0-9]*", "NAME": "*"}
FOREIGN = {"key_padding_mask"}  # names of PyTorch's that a page compares with ours
USERS = ("runs/tiny", "build/")  # what users make: a run and its kin, the built site
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]*)+|[\w*-]+\.(py|md|toml|ipynb|html|js|yml)")
DOTTED = re.compile(r"storyteller(_course|_grading)?(\.\w+)+")
NAME = re.compile(r"[A-Za-z]\w*_\w+|[A-Z][a-z]+[A-Z]\w+|[A-Z]{2,}\w*|_\w+")


def prose(page: Path) -> str:
    """The page without its fenced blocks, which show commands and folders of users."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def mentions(page: Path) -> list[str]:
    return [span.rstrip("()") if span.endswith("()") else span for span in CODE.findall(prose(page))]


def is_there(path: str, page: Path) -> bool:
    for placeholder, pattern in PLACEHOLDERS.items():
        path = path.replace(placeholder, pattern)
    places = (ROOT, page.parent, *PACKAGES, *sorted(ROOT.glob("lessons/0*")))
    return any(any(place.glob(path.rstrip("/"))) for place in places)


def resolves(dotted: str) -> bool:
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


@cache
def words() -> frozenset[str]:
    """All words of the sources, in which a name that a page mentions must occur."""
    found: set[str] = set()
    for folder in ("shared", "course", "grading", "lessons", "tests", "bench", "website"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".js", ".toml") and path != Path(__file__):
                found |= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return frozenset(found | set(re.findall(r"\w+", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_and_name_that_a_page_mentions_exists(page: Path) -> None:
    missing = []
    for mention in mentions(page):
        if DOTTED.fullmatch(mention):
            known = resolves(mention)
        elif PATH.fullmatch(mention):
            known = is_there(mention, page) or mention.startswith(USERS)
        elif NAME.fullmatch(mention):
            known = mention in words() or mention in PLACEHOLDERS or mention in FOREIGN
        else:
            continue
        if not known:
            missing.append(mention)
    assert not missing
