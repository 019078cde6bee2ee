"""Fixtures for the tests of the course's core: two toy lessons, and namespaces with answers in them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storyteller_course.exercises.known_answers import reference_source, run_source
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_course.notebook.use import _passed

collect_ignore = ["toy_lessons"]  # data of these tests, not tests

TOYS = Path(__file__).parent / "toy_lessons"
IMPORTS = "import torch\nfrom torch import Tensor, nn\nfrom collections.abc import Callable, Iterator\n"

Namespace = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYTELLER_STATE", "off")
    monkeypatch.delenv("STORYTELLER_LESSON", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    _passed.clear()


@pytest.fixture(scope="session")
def toys() -> Lesson:
    return load_lesson(TOYS / "01_toys")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder with both lessons; the tests stand in the first one."""
    folder = tmp_path / "work"
    shutil.copytree(TOYS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.delenv("STORYTELLER_STATE")
    monkeypatch.chdir(folder / "01_toys")
    return folder


@pytest.fixture(scope="session")
def answers(toys: Lesson) -> Callable[..., Namespace]:
    """A student's namespace with the reference's answers to some exercises, and with sources of one's own."""

    def build(*sources: str) -> Namespace:
        namespace: Namespace = {"__name__": "__main__"}
        run_source(IMPORTS, namespace, "<imports>")
        for source in sources:
            assert toys.reference is not None
            code = reference_source(toys.reference, source) if source.isidentifier() else source
            run_source(code, namespace, "<answer>")
        return namespace

    return build


assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"  # the tests' own conftest.py comes first
