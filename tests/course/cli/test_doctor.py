"""The doctor finds what is wrong, says what to do, and never falls ill itself."""

import json
import subprocess
import sys

import pytest
import typer

from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.utils.openmp import SETTINGS
from storyteller_course import kernel
from storyteller_course.cli import doctor
from storyteller_course.cli.doctor import Finding
from storyteller_course.cli.doctor import doctor as command


def test_every_finding_that_is_not_well_says_what_to_do():
    findings = doctor.examine()
    assert {finding.about for finding in findings} >= {"Python", "torch", "Device", "Threads", "Memory", "Disk"}
    for finding in findings:
        assert finding.text.endswith(".")
        assert bool(finding.remedy) == (finding.verdict != "ok"), finding


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), "fault"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "advice")]
)
def test_python_is_judged_by_its_version(version, verdict):
    assert doctor.check_python(version).verdict == verdict


@pytest.mark.parametrize("error", [ImportError("libc10.so: cannot open"), OSError("DLL load failed\nmore"), None])
def test_a_missing_or_broken_torch_is_a_fault_and_no_crash(error, monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torch" and error is not None:
                raise error

    monkeypatch.setitem(sys.modules, "torch", None)  # makes `import torch` fail, as if it were not there
    if error is not None:
        monkeypatch.delitem(sys.modules, "torch")
        monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    found = doctor.check_torch()
    assert found.verdict == "fault"
    assert "torch cannot be loaded" in found.text
    assert "\n" not in found.text
    assert doctor.check_device().verdict == "advice"


def test_the_command_works_without_torch():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from storyteller_course.cli.doctor import doctor\n"
        "import typer\n"
        "try:\n    doctor()\nexcept typer.Exit as end:\n    sys.exit(end.exit_code)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 1, result.stderr
    assert "fault   torch" in result.stdout
    assert "to mend before Storyteller works" in result.stdout
    assert not result.stderr


def test_threads_that_spin_are_mentioned():
    assert doctor.check_threads({"OMP_WAIT_POLICY": "active"}).verdict == "advice"
    assert doctor.check_threads({"OMP_NUM_THREADS": "100000"}).verdict == "advice"
    assert doctor.check_threads({}).verdict == "ok"


def test_little_memory_and_little_disk_are_mentioned(tmp_path):
    assert doctor.check_memory(1e9).verdict == "advice"
    assert doctor.check_memory(8e9).verdict == "ok"
    assert [doctor.check_disk(tmp_path, free).verdict for free in (1e8, 1e9, 1e11)] == ["fault", "advice", "ok"]


def test_a_folder_that_may_not_be_written_to_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda *arguments: False)
    found = doctor.check_disk(tmp_path)
    assert found.verdict == "fault"
    assert "may not be written to" in found.text


@pytest.mark.parametrize(
    ("content", "verdict", "words"),
    [
        (None, "advice", "no kernel named storyteller"),
        ("{", "advice", "is damaged"),
        (json.dumps({"argv": ["elsewhere/python"]}), "advice", "starts elsewhere/python"),
        (json.dumps({"argv": [sys.executable]}), "advice", "does not set OMP_WAIT_POLICY and GOMP_SPINCOUNT"),
        (json.dumps({"argv": [sys.executable], "env": SETTINGS}), "advice", "is that of an older version"),
        (json.dumps({"argv": [sys.executable, *kernel.OPTIONS], "env": SETTINGS}), "ok", "starts this Python"),
    ],
)
def test_the_kernel_must_start_this_python(content, verdict, words, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_installed", lambda name: True)
    if content is not None:
        (tmp_path / "storyteller").mkdir()
        (tmp_path / "storyteller" / "kernel.json").write_text(content, encoding="utf-8")
    found = doctor.check_kernel([tmp_path])
    assert (found.verdict, words in found.text) == (verdict, True), found.text


def test_a_missing_core_package_is_a_fault_and_a_missing_extra_is_advice(monkeypatch):
    monkeypatch.setattr(doctor, "_installed", lambda name: name not in ("numpy", "mlflow"))
    found = {finding.about: finding for finding in doctor.check_packages()}
    assert (found["Packages"].verdict, found["Packages"].text) == ("fault", "Missing: numpy.")
    assert (found["Extra track"].verdict, found["Extra track"].text) == ("advice", "Missing: mlflow.")
    assert found["Extra data"].verdict == "ok"


@pytest.mark.parametrize("name", HUB_CORPORA)
def test_a_corpus_on_the_disk_is_found_without_a_network(name, tmp_path):
    # as huggingface_hub names the folder of a data set
    (tmp_path / "hub" / f"datasets--{HUB_CORPORA[name].repository.replace('/', '--')}").mkdir(parents=True)
    text = doctor.check_corpora({"HF_HOME": str(tmp_path)}).text
    assert [other for other in HUB_CORPORA if other in text.partition(" in ")[0]] == [name]


def test_where_no_corpus_is_on_the_disk_the_command_that_fetches_them_is_named(tmp_path):
    assert "storyteller download" in doctor.check_corpora({"HF_HOME": str(tmp_path)}).text


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("advice", 0), ("fault", 1)])
def test_the_exit_code_is_1_where_there_is_a_fault(verdict, code, monkeypatch, capsys):
    finding = Finding(about="Thing", verdict=verdict, text="It is so.", remedy="Do this.")
    monkeypatch.setattr("storyteller_course.cli.doctor.examine", lambda: [finding])
    ended = 0
    try:
        command()
    except typer.Exit as end:
        ended = end.exit_code
    assert ended == code
    printed = capsys.readouterr().out
    assert "Do this." in printed
    assert printed.isascii()
