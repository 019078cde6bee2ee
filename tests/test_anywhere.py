"""The files by which the course runs elsewhere name what is there; Docker builds its images where it runs."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from repository import ROOT
from storyteller_course.kernel import DISPLAY_NAME
from test_packaging import EXTRAS, PROJECT, PYTHONS

FILES = ("Dockerfile", "binder/environment.yml", "binder/postBuild", ".devcontainer/devcontainer.json")


@pytest.mark.parametrize("name", FILES)
def test_they_name_pythons_extras_targets_and_modules_that_are_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert set(re.findall(r"python(?::|=|\$\{PYTHON\}|.*PYTHON=)(3\.\d+)", text)) <= set(PYTHONS)
    assert set(re.findall(r'"\.\[(\w+)\]"', text)) <= set(EXTRAS)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+) &&", text)) <= targets
    for module in re.findall(r"-m (storyteller[\w.]+)", text):
        assert (ROOT / "course" / f"{module.replace('.', '/')}.py").is_file(), module


def test_the_container_of_an_editor_is_described_in_json_with_comments():
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    described = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert described["postCreateCommand"].startswith("make install")
    assert described["image"].removeprefix("python:").partition("-")[0] in PYTHONS


def test_binder_takes_the_torch_that_the_course_needs():
    wanted = next(line.removeprefix("torch") for line in PROJECT["dependencies"] if line.startswith("torch"))
    packages = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert f"pytorch-cpu{wanted}" in packages


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "command", "said"),
    [
        ("student", ["storyteller", "doctor"], "Python"),
        ("student", ["jupyter", "kernelspec", "list"], DISPLAY_NAME.lower()),
        ("grader", ["--help"], "autograde"),
    ],
)
def test_an_image_is_built_and_answers(target, command, said):
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("Docker does not run here")
    tag = f"storyteller-{target}-test"
    subprocess.run(["docker", "build", "-q", "--target", target, "-t", tag, "."], cwd=ROOT, check=True)
    done = subprocess.run(["docker", "run", "--rm", tag, *command], capture_output=True, text=True, timeout=300)
    assert said in done.stdout, done.stderr
