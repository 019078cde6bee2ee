"""The command `storyteller story`, on a run whose training is over."""

import pytest

from exported import make_run
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
