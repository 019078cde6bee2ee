"""The front door keeps what it promises: its links lead somewhere, and its commands exist."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from repository import ROOT
from storyteller_course.cli import app
from storyteller_grading.cli import app as grading_app
from test_docs import ROOMS

FRONT = ["README.md", "CONTRIBUTING.md", "grading/README.md"]
PAGES = [*FRONT, *ROOMS, *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
COMMAND = re.compile(r"`?\b(storyteller|storyteller-grade) ([a-z]+)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_to_one(page):
    found = [link for link in LINK.findall((ROOT / page).read_text(encoding="utf-8")) if "://" not in link]
    assert found or page != "README.md"
    assert not [link for link in found if not ((ROOT / page).parent / link).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_exists(page):
    known = {
        name: set(get_command(one).commands) for name, one in (("storyteller", app), ("storyteller-grade", grading_app))
    }
    code = "\n".join(_code((ROOT / page).read_text(encoding="utf-8")))
    named = set(COMMAND.findall(code))
    assert named or page not in FRONT
    assert not {f"{name} {command}" for name, command in named if command not in known[name]}


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(TARGET.findall("\n".join(_code((ROOT / page).read_text(encoding="utf-8")))))
    assert named <= targets, named - targets


def test_every_lesson_has_a_row_with_its_notebook_and_its_solution():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lessons = sorted(folder.name for folder in (ROOT / "lessons").iterdir() if (folder / "lesson.md").is_file())
    assert len(lessons) >= 5
    for name in lessons:
        for notebook in (f"lessons/{name}/{name}.ipynb", f"solutions/{name}.ipynb"):
            assert f"]({notebook})" in text, notebook


def test_common_issues_are_worded_as_the_doctor_words_them():
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("### Common issues")[1].split("\n#")[0]
    doctor = Path(ROOT / "course/storyteller_course/doctor.py").read_text(encoding="utf-8").replace('\\"', '"')
    said = re.findall(r"\*(.+?)\*", section)
    assert len(said) >= 4
    assert not [sentence for sentence in said if sentence not in doctor]


def test_the_citation_is_of_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project
    assert f'license = "{citation["license"]}"' in project
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def _code(text: str) -> list[str]:
    """What stands between backticks, and in blocks of code."""
    blocks = re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
