import json
import os
import random
import subprocess
import sys
import textwrap
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from storyteller.cli.download import fetch
from storyteller.corpus.huggingface import HUB_CORPORA, HubCorpus
from storyteller.corpus.load import load_stories
from storyteller.errors import StorytellerError
from storyteller_course.cli import app

TALE = "Once upon a time a fox went out to look for plums, and it was long past midnight when he came home again."


@pytest.fixture
def repository(tmp_path):
    """A folder laid out like WritingPrompts' repository on the hub: 95 train rows, 20 of validation."""
    folder = tmp_path / "repository"
    (folder / "data").mkdir(parents=True)
    for split, start, stop in (("train", 0, 95), ("validation", 95, 115)):
        rows = [{"prompt": f"[ WP ] Fox {n}\n", "story": f"{n} . {TALE}\n"} for n in range(start, stop)]
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet", row_group_size=20)
    return folder


def rows_in(folder, split="train"):
    files = sorted(folder.glob(f"{split}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_are_written_as_they_are_on_the_hub(repository, tmp_path):
    assert fetch(str(repository), tmp_path / "out", split="train", rows_per_part=30) == 95
    rows = rows_in(tmp_path / "out")
    assert rows == [{"prompt": f"[ WP ] Fox {n}\n", "story": f"{n} . {TALE}\n"} for n in range(95)]
    assert len(list((tmp_path / "out").glob("*.jsonl"))) == 4
    stories = list(load_stories(tmp_path / "out", clean=False))
    assert len(stories) == 95
    assert stories[3].prompt == "[ WP ] Fox 3\n"


def test_a_larger_limit_goes_on_where_the_smaller_ended(repository, tmp_path):
    out = tmp_path / "out"
    assert fetch(str(repository), out, split="train", rows_per_part=30, limit=40) == 40
    assert fetch(str(repository), out, split="train", rows_per_part=30, limit=40) == 40
    assert len(rows_in(out)) == 40
    assert fetch(str(repository), out, split="train", rows_per_part=30) == 95
    assert [row["prompt"] for row in rows_in(out)] == [f"[ WP ] Fox {n}\n" for n in range(95)]


def test_a_split_that_ends_with_a_full_file_leaves_no_empty_one(repository, tmp_path):
    assert fetch(str(repository), tmp_path / "out", split="train", rows_per_part=95) == 95
    assert [file.name for file in (tmp_path / "out").glob("*.jsonl")] == ["train-00000.jsonl"]


def test_the_state_of_another_download_is_refused(repository, tmp_path):
    fetch(str(repository), tmp_path / "out", split="train", limit=10)
    with pytest.raises(StorytellerError, match="is not the state of this download"):
        fetch("someone/else", tmp_path / "out", split="train")


def test_the_command_takes_several_data_sets_after_one_flag(repository, tmp_path, monkeypatch):
    for name in ("tinystories", "writingprompts"):
        monkeypatch.setitem(HUB_CORPORA, name, HubCorpus(str(repository), {"train": 95, "validation": 20}, ""))
    arguments = ["--datasets", "tinystories", "writingprompts", "--out", str(tmp_path / "data"), "--limit", "12"]
    result = CliRunner().invoke(app, ["download", *arguments])
    assert result.exit_code == 0, result.output
    for name in ("tinystories", "writingprompts"):
        assert len(rows_in(tmp_path / "data" / name)) == 12
        assert len(rows_in(tmp_path / "data" / name, "validation")) == 12


def test_the_console_command_reads_several_data_sets_and_says_that_there_is_no_network(tmp_path):
    command = [sys.executable, "-c", "from storyteller_course.cli import download_main; download_main()"]
    arguments = ["--datasets", "tinystories", "writingprompts", "--out", str(tmp_path), "--limit", "5"]
    run = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=600)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "storyworld" in run.stderr


def test_an_unknown_data_set_is_refused():
    result = CliRunner().invoke(app, ["download", "--datasets", "tinystory"])
    assert isinstance(result.exception, StorytellerError)
    assert "choose from tinystories, writingprompts" in str(result.exception)


@pytest.mark.slow
def test_a_download_killed_at_any_moment_goes_on_and_ends_the_same(repository, tmp_path):
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from storyteller.cli.download import fetch
        import datasets
        print("begin", flush=True)
        fetch(sys.argv[1], Path(sys.argv[2]), split="train", rows_per_part=2)
    """)

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(repository), str(folder)], stdout=subprocess.PIPE, env=os.environ
        )
        assert process.stdout.readline() == b"begin\n"
        process.stdout.close()
        return process

    begun = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - begun
    rng = random.Random(3)
    for _ in range(4):
        process = start(tmp_path / "broken")
        time.sleep(rng.uniform(0, seconds))
        process.kill()
        process.wait()
    assert start(tmp_path / "broken").wait() == 0
    assert rows_in(tmp_path / "broken") == rows_in(tmp_path / "whole")
    assert {name for name in contents(tmp_path / "broken") if name.endswith(".part")} == set()
