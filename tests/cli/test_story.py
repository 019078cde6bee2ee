"""The command `storyteller story`, on a run whose training is over."""

import sys
from pathlib import Path

import pytest

from exported import make_run
from storyteller.cli.story import activation
from storyteller.export.html.one_file import is_ours
from storyteller.utils.atomic_io import write_json
from storyteller_course.cli import main


def test_it_ends_with_a_page_that_tells_its_stories(tmp_path, capsys):
    run = make_run(tmp_path / "fox", plan={})
    write_json(run / "sampled.json", {"stories": 100, "consistent": 0.48, "ended": 0.9})
    for _ in range(2):  # the second time it replaces its own
        with pytest.raises(SystemExit) as stopped:
            main(["story", "--out", str(run), "--device", "cpu"])
        assert stopped.value.code == 0
        said = capsys.readouterr().out
        assert f"{run / 'storyteller.html'} is a page that tells its stories in any browser" in said
        assert said.splitlines()[-1].endswith(f"storyteller reinforce {run}")
        page = (run / "storyteller.html").read_text(encoding="utf-8")
        assert is_ours(page)
        assert "48 of 100" in page


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's command is another there")
def test_a_terminal_that_does_not_find_the_command_is_told_what_to_activate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(Path.cwd() / ".venv"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert activation() == "source .venv/bin/activate"
    monkeypatch.setattr(sys, "prefix", "/some where/.venv")
    assert activation() == "source '/some where/.venv/bin/activate'"
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)  # no virtual environment
    assert activation() is None


def test_a_terminal_that_finds_the_command_is_told_nothing(tmp_path, monkeypatch):
    program = tmp_path / ("storyteller.exe" if sys.platform == "win32" else "storyteller")
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert activation() is None
