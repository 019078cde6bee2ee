"""The autograder for Gradescope: its zip, its two scripts run for real, and results.json in Gradescope's form.

The form is "Autograder Specifications", https://gradescope-autograders.readthedocs.io/en/latest/specs/.
"""

import json
import os
import shutil
import site
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
from toy_class import NAME, RIGHT, SECRET, notebook

from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.judge.gradescope import as_results, find_notebook, main
from storyteller_grading.judge.hidden_seeds import DRAWS
from storyteller_grading.judge.judge import SubmissionResult, blank_result
from storyteller_grading.judge.sandbox.probe import examine
from storyteller_grading.release.gradescope import autograder_zip, secret_of
from storyteller_grading.release.wheel import build_wheel, constraints_file

VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORM = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["score"]}, {"required": ["tests"]}],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}
WRONG = RIGHT | {"half": "def half(number):\n    return number"}
ends = pytest.mark.skipif(os.name != "posix", reason="Gradescope's containers are Linux")


def in_form(results):
    jsonschema.validate(results, FORM)
    if "score" not in results:
        assert all("score" in test for test in results["tests"])
    return results


def by_name(results):
    return {test["name"]: (test["score"], test["max_score"], test["status"]) for test in results["tests"]}


def test_an_exercise_is_a_test_and_the_score_is_their_sum(home):
    lesson, names = load_lesson(home), {}
    for source in WRONG.values():
        exec(source, names)
    exercises = [grade(exercise, InProcessStudent(names)) for exercise in lesson.exercises.values()]
    results = in_form(as_results(SubmissionResult(lesson=NAME, notebook=f"{NAME}.ipynb", exercises=exercises)))
    assert by_name(results) == {
        "double": (50.0, 50.0, "passed"),
        "Adder": (30.0, 30.0, "passed"),
        "half": (0.0, 20.0, "failed"),
    }
    assert results["score"] == sum(test["score"] for test in results["tests"])
    [said] = [test["output"] for test in results["tests"] if test["name"] == "half"]
    assert said.startswith("half: 0 of 20 points")
    assert {test["visibility"] for test in results["tests"]} == {results["visibility"]} == {"visible"}
    assert results["stdout_visibility"] == "hidden"


def test_what_cannot_be_read_has_no_points_and_a_reason(home):
    lesson = load_lesson(home)
    blank = blank_result(f"{NAME}.ipynb", lesson, list(lesson.exercises.values()), fault="It is no notebook.")
    results = in_form(as_results(blank))
    assert (results["score"], results["output"]) == (0.0, "It is no notebook.")


def test_the_notebook_is_found_whatever_lies_beside_it(tmp_path):
    assert find_notebook(tmp_path, NAME) == (None, f"There is no notebook in what was handed in: hand in {NAME}.ipynb.")
    for name in (f"a/{NAME}.ipynb", "mine.ipynb", ".ipynb_checkpoints/old.ipynb", f"__MACOSX/{NAME}.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}", encoding="utf-8")
    assert find_notebook(tmp_path, NAME) == (
        tmp_path / "a" / f"{NAME}.ipynb",
        f"2 notebooks were handed in; {NAME}.ipynb was graded.",
    )
    (tmp_path / "a" / f"{NAME}.ipynb").unlink()
    assert find_notebook(tmp_path, NAME)[1] == f"Your notebook is called mine.ipynb, not {NAME}.ipynb."


def test_a_zip_that_is_not_whole_gives_no_grade(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "upload the autograder's zip again" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_the_lessons_secret_does_not_tell_the_courses(home):
    assert secret_of(SECRET, NAME) != secret_of(SECRET, "other") != SECRET
    assert len(secret_of(SECRET, NAME)) == len(SECRET)


def add_the_rest(packages):
    """What pip would have fetched, into a venv's packages: a worker in the sandbox sees those and no others."""

    def link(source, target):
        try:
            os.link(source, target)
        except OSError:  # on another disk
            shutil.copy2(source, target)

    there = {path.name for path in packages.iterdir()}
    for place in map(Path, site.getsitepackages()):
        for path in place.iterdir():
            if path.name in there or "storyteller" in path.name or path.name == "__pycache__":
                continue
            if path.is_dir():
                leave = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, packages / path.name, copy_function=link, ignore=leave)
            else:
                link(path, packages / path.name)


@ends
@pytest.mark.slow
def test_gradescopes_two_scripts_grade_a_hand_in(home, tmp_path):
    """Unpacked as Gradescope does it, below another folder than /autograder, offline and with any user's rights."""
    root = tmp_path / "autograder"
    for folder in ("source", "submission", "results"):
        (root / folder).mkdir(parents=True)
    packed = tmp_path / "autograder.zip"
    wheel = build_wheel(tmp_path)
    content = autograder_zip(load_lesson(home), SECRET, wheel, constraints_file(), unsafe=not examine().layers.hold)
    packed.write_bytes(content)
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
        archive.extractall(root / "source")
    assert {"setup.sh", "run_autograder", "settings.json", "secret", f"{NAME}/{NAME}.ipynb"} <= set(names)
    assert SECRET.encode() not in content
    for name in ("setup.sh", "run_autograder"):
        assert modes[name] & stat.S_IXUSR
        assert (root / "source" / name).read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
        (root / name).write_bytes((root / "source" / name).read_bytes())
        (root / name).chmod(0o755)
    environment = os.environ | {"AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    environment |= {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}  # no network: the library alone is installed
    subprocess.run([root / "setup.sh"], cwd=root, env=environment, check=True, capture_output=True, timeout=600)
    assert stat.S_IMODE((root / "source" / "secret").stat().st_mode) == 0o600
    [packages] = (root / "source" / "venv").glob("lib/python*/site-packages")
    add_the_rest(packages)

    def graded(document):  # what run_autograder says of a hand-in
        for path in (root / "submission").iterdir():
            path.unlink()
        if document:
            (root / "submission" / f"{NAME}.ipynb").write_text(json.dumps(document), encoding="utf-8")
        done = subprocess.run([root / "run_autograder"], cwd=root, env=environment, capture_output=True, timeout=600)
        assert done.returncode == 0, done.stderr.decode()
        return in_form(json.loads((root / "results" / "results.json").read_text(encoding="utf-8")))

    best = graded(notebook(home))
    assert best["score"] == 100.0
    assert SECRET not in json.dumps(best)
    assert by_name(graded(notebook(home, WRONG)))["half"] == (0.0, 20.0, "failed")
    nothing = graded(None)
    assert nothing["score"] == 0.0
    assert nothing["output"].startswith("There is no notebook")
    settings = json.loads((root / "source" / "settings.json").read_text(encoding="utf-8"))
    assert (settings["lesson"], settings["draws"]) == (NAME, DRAWS)
