import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storyteller.cli.stories import stories, write_lines
from storyteller.errors import StorytellerError
from storyteller_course.cli import app


def test_each_line_is_one_story_with_its_facts(tmp_path: Path) -> None:
    stories(count=5, seed=7, split="train", out=tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 5
    assert all(list(line) == ["text", "prompt", "genre", "facts"] for line in lines)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        stories(count=20, seed=3, split="test", out=tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_a_file_the_stories_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    stories(count=1, seed=1, split="train", out=None)
    assert len(capsys.readouterr().out.split()) > 100


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorytellerError, match="There is no folder"):
        stories(count=1, seed=1, split="train", out=tmp_path / "nowhere" / "a.jsonl")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorytellerError, match="is a folder"):
        stories(count=1, seed=1, split="train", out=tmp_path)


def test_a_full_disk_keeps_the_old_file_and_leaves_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old", encoding="utf-8")

    def lines() -> Iterator[str]:
        yield "new"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorytellerError, match="The disk is full"):
        write_lines(path, lines())
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_interruption_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old", encoding="utf-8")

    def lines() -> Iterator[str]:
        yield "new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lines(path, lines())
    assert path.read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_negative_count_or_unknown_split_is_refused() -> None:
    with pytest.raises(StorytellerError, match="-1"):
        stories(count=-1, seed=1, split="train", out=None)
    with pytest.raises(StorytellerError, match="no split 'dev'"):
        stories(count=1, seed=1, split="dev", out=None)


def test_no_story_at_all_is_refused() -> None:
    done = CliRunner().invoke(app, ["stories", "--count", "0"])
    assert done.exit_code == 2
    assert "Invalid value for '--count'" in done.output


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_may_not_be_written_to_is_one_sentence(tmp_path: Path, monkeypatch, number: int) -> None:
    def refuse(self, *_, **__):
        raise OSError(number, "no", str(self))

    # In such a folder neither a file can be made nor taken away.
    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr("builtins.open", lambda path, *_, **__: refuse(path))
    with pytest.raises(StorytellerError, match=r"a\.jsonl cannot be written .*; name another place with --out\.$"):
        stories(count=1, seed=1, split="train", out=tmp_path / "a.jsonl")
