"""The front door and the guides keep what they promise: their links lead somewhere, and their commands exist."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from repository import ROOT
from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.inference.sampling_options import SAMPLING_OPTIONS
from storyteller_course import load_lesson
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


def test_it_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1800


def test_every_corpus_stands_there_with_its_size():
    section = (ROOT / "docs/setup.md").read_text(encoding="utf-8").split("\nCorpora: ")[1].split("\n\n")[0]
    for name, corpus in HUB_CORPORA.items():
        found = re.search(rf"{name} [^;]*?\(([\d.,]+)( million)?", section, re.IGNORECASE)
        assert found, f"{name} is missing"
        rows = float(found[1].replace(",", "")) * (1e6 if found[2] else 1)
        assert rows == pytest.approx(sum(corpus.rows.values()), rel=0.02), name


def test_the_filters_that_are_named_are_those_that_lesson_05_asks_for():
    """All settings of sampling stand in `storyteller tell --help`; the README has a part of them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| [05 "))
    wanted = load_lesson(ROOT / "lessons" / "05_full_training_and_inference").exercises.values()
    asked_for = {name for name in SAMPLING_OPTIONS if any(exercise.name.endswith(name) for exercise in wanted)}
    labels = {name: option.label.lower() for name, option in SAMPLING_OPTIONS.items()}
    assert {name for name, label in labels.items() if label in row} == asked_for
    assert len(asked_for) >= 3


def test_common_issues_are_worded_as_the_doctor_words_them():
    section = (ROOT / "docs/setup.md").read_text(encoding="utf-8").split("## Common issues")[1].split("\n#")[0]
    doctor = Path(ROOT / "course/storyteller_course/cli/doctor.py").read_text(encoding="utf-8").replace('\\"', '"')
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
