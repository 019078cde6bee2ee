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


def test_a_torch_that_is_too_old_is_kept_though_a_newer_one_could_be_had(python, tmp_path):
    (about := packages_of(python) / "torch-2.3.0.dist-info").mkdir()
    (about / "METADATA").write_text(METADATA.format("2.3.0"), encoding="utf-8")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with zipfile.ZipFile(shelf / "torch-99-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch-99.dist-info/METADATA", METADATA.format("99"))
        wheel.writestr("torch-99.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("torch-99.dist-info/RECORD", "")
    folder = tmp_path / "lesson"
    folder.mkdir()
    with zipfile.ZipFile(folder / "storyteller-1-py3-none-any.whl", "w") as wheel:
        needs = (
            "Metadata-Version: 2.1\nName: storyteller\nVersion: 1\nRequires-Dist: torch>=2.6\nProvides-Extra: kernel\n"
        )
        wheel.writestr("storyteller-1.dist-info/METADATA", needs)
        wheel.writestr("storyteller-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("storyteller-1.dist-info/RECORD", "")
    said = run(python, folder, source(LESSON, ""), PIP_FIND_LINKS=str(shelf))
    assert "pip could not install the course (see above). It keeps what is here (torch==2.3.0" in said
    assert [path.name for path in packages_of(python).glob("torch*")] == ["torch-2.3.0.dist-info"]


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
