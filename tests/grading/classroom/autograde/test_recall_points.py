"""The points of a recall: from the notebook to the gradebook and the page for the student."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from toy_class import NAME, RIGHT, hand_in, make_course, notebook, table
from toy_recall import write_toy_with_recall

from repository import ROOT
from storyteller_course import load_lesson
from storyteller_course.exercises.recall import answer_source
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.judge.judge import judge_notebook
from storyteller_grading.judge.report import as_page


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = write_toy_with_recall(tmp_path_factory.mktemp("recall"))
    solution = nbformat.writes(draft_lesson(folder).notebook()) + "\n"
    (folder / f"{NAME}.ipynb").write_text(student_notebook(NAME, solution), encoding="utf-8")
    return folder


def answered(home, *, wrong=()):
    """The cell of a student who has these questions wrong."""
    source = answer_source(load_lesson(home).exercises["recall"].questions, solved=True)
    for place in wrong:
        [line] = [line for line in source.split("\n") if line.startswith(f"        {place}: ")]
        source = source.replace(line, f"        {place}: 300,")
    return source


def test_they_reach_the_gradebook(home, tmp_path):
    course = make_course(tmp_path / "course")
    hand_in(course, "ada", notebook(home, {**RIGHT, "recall": answered(home)}))
    hand_in(course, "bob", notebook(home, {"recall": answered(home, wrong=(2, 5))}))
    hand_in(course, "cyd", notebook(home, {}))
    autograde(course, home, GradingOptions(jobs=1, draws=1, unsafe=True))
    found = table(course)
    assert {student: rows["recall-check"][:3:2] for student, rows in found.items()} == {
        "ada": (5, 5),
        "bob": (3, 5),
        "cyd": (0, 5),
    }
    assert sum(found["ada"][f"{name}-check"][0] for name in ("recall", *RIGHT)) == 100


def test_the_page_says_which_question_was_wrong_and_why(home, tmp_path):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(json.dumps(notebook(home, {"recall": answered(home, wrong=(1, 2, 3, 4, 5))})), encoding="utf-8")
    lesson = load_lesson(home)
    result = judge_notebook(path, lesson, secret="a secret", draws=1, unsafe=True)
    page = as_page(result)
    assert [one.earned for one in result.exercises] == [0, 0, 0, 0]
    for question in lesson.exercises["recall"].questions:
        assert question.text in page
    assert ("Not without the bytes." in page) == any(q.text == "Third?" for q in lesson.exercises["recall"].questions)


@pytest.mark.slow
def test_they_survive_stock_nbgrader(home, tmp_path):
    for stage, document in (
        ("source", draft_lesson(home).notebook()),
        ("submitted/bob", nbformat.from_dict(notebook(home, {**RIGHT, "recall": answered(home, wrong=(4,))}))),
    ):
        folder = tmp_path / stage / NAME
        folder.mkdir(parents=True)
        nbformat.write(document, folder / f"{NAME}.ipynb")
        shutil.copytree(home / "checks", folder / "checks")
    config = (ROOT / "grading" / "nbgrader_config.py").read_text(encoding="utf-8")
    (tmp_path / "nbgrader_config.py").write_text(config, encoding="utf-8")
    for step in ("generate_assignment", "autograde"):
        nbgrader(step, NAME, cwd=tmp_path)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        grades = book.find_submission_notebook(NAME, NAME, "bob").grades
        scores = {one.name: one.auto_score for one in grades if one.auto_score is not None}
    # nbgrader knows all or nothing for a cell that raises; our own judge gives the points of each question. The written
    # answer was left as it is.
    assert scores == {"recall-check": 0, "double-check": 45, "Adder-check": 30, "half-check": 20, "why": 0}


def nbgrader(*arguments: str, cwd: Path) -> None:
    import os

    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-3000:]
