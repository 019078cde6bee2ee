"""The first cell of a notebook, in Pythons that lack the course: pip runs for real, and finds nothing on a network."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from repository import ROOT
from storyteller_grading.builder.first_cell import source
from storyteller_grading.release.wheel import build_wheel

LESSON = "01_data_preparation"
PARTS = ("pyproject.toml", "README.md", "LICENSE", "shared/storyteller", "course/storyteller_course")
PARTS = (*PARTS, "grading/storyteller_grading", f"lessons/{LESSON}", f"solutions/{LESSON}.ipynb")
METADATA = "Metadata-Version: 2.1\nName: torch\nVersion: {}\n"


@pytest.fixture
def python(tmp_path) -> Path:
    """A Python that has all packages of this one, and not the course."""
    home = tmp_path / "other"
    venv.create(home, symlinks=os.name != "nt", with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    # A folder that a .pth file names is no site folder: the .pth file in it that leads to the course is not read.
    (packages / "these.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / ("Scripts" if os.name == "nt" else "bin") / "python"


def packages_of(python: Path) -> Path:
    return next(python.parent.parent.rglob("these.pth")).parent


def run(python: Path, folder: Path, code: str, **more: str) -> str:
    """What a kernel's shell shows of some code, run in a folder: without a home, and without a package index."""
    folder.mkdir(exist_ok=True)
    unset = ("HOME", "USERPROFILE", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "STORYTELLER"))}
    environment = {name: value for name, value in kept.items() if name not in unset} | more
    environment |= {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"IPYTHONDIR": str(folder / ".ipython"), "GIT_CEILING_DIRECTORIES": str(folder)}
    command = [str(python), "-m", "IPython", "--quick", "--colors=NoColor", "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
    )
    return done.stdout


def test_where_the_course_cannot_be_had_one_sentence_says_what_to_do(python, tmp_path):
    said = run(python, tmp_path / "empty", source(LESSON, ""))
    assert said.strip().splitlines()[-1].startswith("The course is not installed in this Python: run  make lab")
    assert "Traceback" not in said


def write_wheel(folder: Path, name: str, version: str, about: str = "", files: dict[str, str] | None = None) -> None:
    """A wheel that pip takes: what it needs, and its files."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{about}"
        )
        wheel.writestr(
            f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{name}-{version}.dist-info/RECORD", "")
        for path, text in (files or {}).items():
            wheel.writestr(path, text)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2.7.1", "begun with 01_data_preparation"),
        ("2.3.0", "pip could not install the course (see above). It keeps what is here (torch==2.3.0"),
    ],
)
def test_another_torch_is_kept_though_a_newer_one_could_be_had(python, tmp_path, version, said):
    (about := packages_of(python) / f"torch-{version}.dist-info").mkdir()
    (about / "METADATA").write_text(METADATA.format(version), encoding="utf-8")
    write_wheel(tmp_path / "shelf", "torch", "99")
    begin = {"storyteller_course/__init__.py": "def begin(lesson):\n    print('begun with', lesson)\n"}
    write_wheel(
        tmp_path / "lesson", "storyteller", "1", "Requires-Dist: torch>=2.6\nProvides-Extra: kernel\n", files=begin
    )
    assert said in run(python, tmp_path / "lesson", source(LESSON, ""), PIP_FIND_LINKS=str(tmp_path / "shelf"))
    assert [path.name for path in packages_of(python).glob("torch*")] == [f"torch-{version}.dist-info"]


@pytest.mark.slow
def test_a_class_installs_the_wheel_beside_its_notebook_without_a_network(python, tmp_path):
    folder = tmp_path / LESSON
    shutil.copytree(ROOT / "lessons" / LESSON / "checks", folder / "checks")
    build_wheel(folder)
    show = "import storyteller, torch; print(storyteller.__file__, torch.__version__)"
    said = run(python, folder, f"{source(LESSON, '')}\n{show}")
    assert str(packages_of(python)) in said
    assert "not installed" not in said
    assert not list(packages_of(python).glob("torch*"))  # the one that was there is used


@pytest.mark.slow
def test_a_notebook_in_an_empty_folder_fetches_the_course_and_its_checks(python, tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    origin = tmp_path / "origin"
    for part in PARTS:
        (origin / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_file():
            shutil.copyfile(ROOT / part, origin / part)
        else:
            shutil.copytree(ROOT / part, origin / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], cwd=origin, check=True)
    notebook = json.loads((ROOT / "lessons" / LESSON / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    setup = next("".join(cell["source"]) for cell in notebook["cells"] if cell["id"] == "setup")
    folder = tmp_path / "empty"
    check = 'def count_pairs(words):\n    return {}\n\ncheck("count_pairs")'
    said = run(python, folder, f"{source(LESSON, origin.as_uri())}\n{setup}\n{check}")
    assert "count_pairs: 0 of 6 points" in said
    assert "No lesson was found" not in said
    assert (folder / ".storyteller" / "progress.json").is_file()  # without a home, and beside the notebook
    assert {path.name for path in folder.iterdir()} == {".storyteller", ".ipython", "storyteller-course"}
    assert sys.prefix not in run(python, folder, "import storyteller; print(storyteller.__file__)")
