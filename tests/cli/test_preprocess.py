import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards import open_shards
from storyteller_course.cli import app


def run(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(result.exception, StorytellerError):
        raise result.exception
    return result


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_corpus(path, count=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"text": f"Fox number {n} went out to find {n * 7} plums. " + f"He saw tree {n * n} and sang. " * 4})
        for n in range(count)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def test_both_commands_work_without_arguments_on_the_embedded_corpus(here):
    result = run("tokenizer", "--limit", 200, "--vocab-size", 600)
    assert result.exit_code == 0, result.output
    assert "storyworld" in result.output
    result = run("preprocess", "--limit", 60)
    assert result.exit_code == 0, result.output
    tokenizer = Tokenizer.load(here / "data" / "tokenizer.json")
    for split in ("train", "validation"):
        with open_shards(here / "data" / "shards" / split, tokenizer) as shards:
            assert shards.n_documents == 60


def test_preprocess_makes_the_tokenizer_that_is_missing(here):
    write_corpus(here / "data" / "tinystories" / "train-00000.jsonl")
    write_corpus(here / "data" / "tinystories" / "validation-00000.jsonl", 5)
    result = run("preprocess")
    assert result.exit_code == 0, result.output
    assert "data/tinystories" in result.output  # what download left, and it says so
    assert "storyworld" not in result.output
    tokenizer = Tokenizer.load(here / "data" / "tokenizer.json")
    with open_shards(here / "data" / "shards" / "validation", tokenizer) as shards:
        assert shards.n_documents == 5
    again = run("preprocess")
    assert "60 of them by an earlier run" in again.output


def test_several_corpora_and_a_report(here):
    write_corpus(here / "a.jsonl", 40)
    write_corpus(here / "b.jsonl", 30)
    run("tokenizer", "--corpus", "a.jsonl", "b.jsonl", "--out", "t.json", "--vocab-size", 400)
    options = ["--tokenizer", "t.json", "--out", "shards", "--split", "all"]
    result = run("preprocess", "--corpus", "a.jsonl", "b.jsonl", *options)
    assert result.exit_code == 0, result.output
    assert "70 stories" in result.output
    index = json.loads((here / "shards" / "all" / "index.json").read_text(encoding="utf-8"))
    assert index["source"]["corpus"] == ["a.jsonl", "b.jsonl"]
    assert index["source"]["cleaning"]["min_words"] == 20
    with pytest.raises(StorytellerError, match="shards of another run"):
        run("preprocess", "--corpus", "a.jsonl", *options)


def test_a_named_tokenizer_that_is_missing_is_an_error(here):
    write_corpus(here / "a.jsonl")
    with pytest.raises(StorytellerError, match="There is no tokenizer"):
        run("preprocess", "--corpus", "a.jsonl", "--tokenizer", "other.json")


def test_ctrl_c_says_how_to_go_on(here, monkeypatch):
    write_corpus(here / "a.jsonl")
    run("tokenizer", "--corpus", "a.jsonl", "--vocab-size", 400)

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("storyteller.training.token_shards.preparing.prepare_shards", interrupt)
    with pytest.raises(StorytellerError, match="the same command goes on from there"):
        run("preprocess", "--corpus", "a.jsonl")


def test_workers_and_a_scheduler_are_not_both_given(here):
    with pytest.raises(StorytellerError, match="give one of them"):
        run("preprocess", "--workers", 2, "--scheduler", "tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", b""), ("a.txt", b"\xff\xfe\x00"), ("a.csv", b"x,y\n1,2\n"), ("missing.txt", None)]
)
def test_the_console_command_says_bad_input_in_one_line_with_exit_code_2(here, name, content):
    if content is not None:
        (here / name).write_bytes(content)
    command = [sys.executable, "-c", "from storyteller_course.cli import preprocess_main; preprocess_main()"]
    done = subprocess.run([*command, "--corpus", name], capture_output=True, text=True, cwd=here, timeout=600)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert name in done.stderr
