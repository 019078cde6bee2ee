"""The command `storyteller export`."""

import json
import shutil
import subprocess
import sys

import pytest

from exported import make_run
from storyteller.errors import StorytellerError
from storyteller.export import export_run
from storyteller.export.trained_run import read_parts
from storyteller_course.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "fox", plan={})


def test_it_writes_the_folder_and_says_so(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(run), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 0
    assert str(tmp_path / "out") in capsys.readouterr().out
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_the_student_s_parts_come_from_a_file(run, tmp_path):
    (tmp_path / "parts.json").write_text(json.dumps({"route_top_k": True}), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["export", str(run), "--out", str(tmp_path / "out"), "--parts", str(tmp_path / "parts.json")])
    assert "student: `route_top_k`" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_without_such_a_file_the_run_says_itself_whose_its_parts_are(run, tmp_path):
    own = shutil.copytree(run, tmp_path / "own")
    (own / "parts.json").write_text(json.dumps({"route_top_k": True, "attend": False}), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["export", str(own / "step-000007"), "--out", str(tmp_path / "out")])
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "student: `route_top_k`" in card
    assert "The course's: `attend`" in card


def test_a_damaged_file_of_the_run_is_refused_before_anything_is_written(run, tmp_path):
    own = shutil.copytree(run, tmp_path / "own")
    (own / "parts.json").write_text("{", encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"parts\.json cannot be read as JSON"):
        export_run(own, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--format", "pickle"], "no format 'pickle'"),
        (["--parts", "nowhere.json"], "nowhere.json cannot be read"),
        (["--out", __file__], "is a file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(run), "--out", "out", *options])
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith("storyteller: ")
    assert said.count("\n") == 1
    assert words in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("parts", [["route_top_k"], {"route_top_k": "me"}])
def test_parts_that_are_no_map_to_true_and_false_are_refused(tmp_path, parts):
    (tmp_path / "parts.json").write_text(json.dumps(parts), encoding="utf-8")
    with pytest.raises(StorytellerError, match="true or false"):
        read_parts(tmp_path / "parts.json")


def test_the_default_format_loads_no_optional_package(run, tmp_path):
    """Whoever installed the course alone can export."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom storyteller.export import export_run\n"
        "export_run(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(*{'transformers', 'gguf', 'onnx', 'onnxscript', 'onnxruntime'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(run), str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip() == ""
