"""Whatever the user gets wrong: one sentence on stderr, exit code 2, no traceback, and nothing lost."""

import os
import signal
import subprocess
import sys
import time

import pytest

from storyteller.config import preset
from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.storyworld.generate import WORLDS
from storyteller.tokenizer import Tokenizer
from storyteller_course.cli import main

TEXT = "Once upon a time a fox found a plum and carried it home to the den. "


def fails(capsys, *arguments: str) -> str:
    """Run a command that must fail; what it said."""
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    said = capsys.readouterr().err
    assert stopped.value.code == 2, said
    assert said.startswith("storyteller: ")
    assert said.count("\n") == 1, said
    return said


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_that_is_not_there(here, capsys):
    assert "missing.txt" in fails(capsys, "train", "--corpus", "missing.txt")


@pytest.mark.parametrize("command", ["train", "tokenizer", "preprocess"])
@pytest.mark.parametrize("name", ["", "  "])
def test_a_corpus_without_a_name_is_neither_the_preset_s_nor_this_folder(here, capsys, command, name):
    if command == "preprocess":
        Tokenizer.train([TEXT], vocab_size=300).save(here / "data" / "tokenizer.json")
    (here / "diary.txt").write_text(f"{TEXT * 3}\n<|endoftext|>\n", encoding="utf-8")
    assert "storyworld" in fails(capsys, command, "--corpus", name)
    assert not (here / "runs").exists()


def test_a_corpus_of_too_few_stories_says_what_to_give(here, capsys):
    (here / "one.txt").write_text(TEXT * 3, encoding="utf-8")
    said = fails(capsys, "train", "--corpus", "one.txt")
    assert "one.txt has 1 story, too few" in said
    assert "train.txt and valid.txt" in said


def test_an_empty_corpus(here, capsys):
    (here / "empty.txt").write_text("", encoding="utf-8")
    assert "empty.txt" in fails(capsys, "preprocess", "--corpus", "empty.txt")


def test_wrong_columns(here, capsys):
    (here / "table.csv").write_text("author,year\nAnna,1901\n", encoding="utf-8")
    assert "author" in fails(capsys, "tokenizer", "--corpus", "table.csv")


def test_a_file_that_is_not_utf_8(here, capsys):
    (here / "latin.txt").write_bytes((TEXT * 20).encode() + b"caf\xe9\n<|endoftext|>\n")
    assert "UTF-8" in fails(capsys, "tokenizer", "--corpus", "latin.txt")


def test_an_unknown_preset(here, capsys):
    assert "choose one of tiny, small, base, full" in fails(capsys, "train", "huge")
    assert "choose one of tiny, small, base, full" in fails(capsys, "info", "huge")


def test_no_network(here, capsys):
    assert "storyworld" in fails(capsys, "train", "--corpus", "tinystories")  # conftest keeps the hub offline
    assert "storyworld" in fails(capsys, "download", "--datasets", "tinystories", "writingprompts")


def test_a_tokenizer_that_does_not_fit_the_shards(here, capsys):
    (here / "one.txt").write_text("\n<|endoftext|>\n".join([f"{n} {TEXT * 3}" for n in range(9)] + [""]), "utf-8")
    options = ["--corpus", "one.txt", "--split", "all", "--out", "shards"]
    Tokenizer.train([TEXT], vocab_size=300).save(here / "a.json")
    Tokenizer.train([TEXT * 2 + "An owl."], vocab_size=290).save(here / "b.json")
    main_ok("preprocess", *options, "--tokenizer", "a.json")
    capsys.readouterr()
    before = sorted(path.read_bytes() for path in (here / "shards").rglob("*.*"))
    assert "tokenizer" in fails(capsys, "preprocess", *options, "--tokenizer", "b.json")
    assert sorted(path.read_bytes() for path in (here / "shards").rglob("*.*")) == before


def main_ok(*arguments: str) -> None:
    try:
        main(list(arguments))
    except SystemExit as stopped:
        assert stopped.code in (0, None)  # noqa: PT017  # typer ends every command with an exit


def test_no_trained_model(here, capsys):
    assert "storyteller story" in fails(capsys, "tell", "Once upon a time")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--temperature", "0"], "--greedy"),
        (["--temperature", "-1"], "above 0"),
        (["--top-p", "0"], "top_p"),
        (["--top-p", "1.5"], "top_p"),
        (["--top-k", "0"], "top_k"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_sampling_options_out_of_range(here, capsys, options, part):
    assert part in fails(capsys, "tell", "Once", *options)


def test_training_options_out_of_range(here, capsys):
    assert "batch_size" in fails(capsys, "train", "--batch-size", "0")
    assert "minutes" in fails(capsys, "train", "--minutes", "-1")
    assert "dtype" in fails(capsys, "train", "--dtype", "int8")


@pytest.mark.parametrize("command", ["story", "train", "reinforce", "finetune"])
@pytest.mark.parametrize("minutes", ["nan", "inf", "1e308", "0", "-1"])
def test_a_time_that_is_none_is_refused_before_anything_is_made(here, capsys, command, minutes):
    said = fails(capsys, command, "--minutes", minutes)
    assert said.endswith("it must be a number above 0.\n")
    assert float(said.partition("is ")[2].partition(":")[0]) == pytest.approx(float(minutes), nan_ok=True)
    assert not list(here.iterdir())


@pytest.mark.parametrize("command", ["story", "train"])
@pytest.mark.parametrize("seed", [-3, 2**63])
def test_a_seed_that_cannot_be_is_refused_before_anything_is_made(here, capsys, command, seed):
    assert f"seed is {seed}; it must be 0 or more" in fails(capsys, command, "--seed", seed)
    assert not list(here.iterdir())


@pytest.mark.parametrize("corpus", ["bogus", "storyworld:bogus", "no/such.txt", "tinystories"])
def test_a_corpus_that_is_not_there_leaves_nothing_and_is_said_before_all_else(here, capsys, corpus):
    """The hub is out of reach in these tests."""
    said = fails(capsys, "train", "tiny", "--corpus", corpus)
    assert corpus.rpartition(":")[2] in said.lower()
    assert not list(here.iterdir())
    with pytest.raises(SystemExit):
        main(["tokenizer", "--corpus", corpus])
    assert capsys.readouterr().out == ""
    assert not list(here.iterdir())


def test_a_corpus_that_is_not_there_is_told_all_that_are(here, capsys):
    said = fails(capsys, "train", "--corpus", "bogus")
    assert all(name in said for name in [*WORLDS, *HUB_CORPORA])


@pytest.mark.parametrize("command", ["tell", "evaluate --opening", "reinforce --opening a --opening"])
def test_an_opening_with_broken_bytes_is_told_what_to_do_in_a_shell(here, capsys, command):
    said = fails(capsys, *command.split(), "half \udce9")
    assert "half \\udce9" in said
    assert "terminal that is set to UTF-8" in said


@pytest.mark.parametrize("command", ["tell --run", "evaluate", "serve", "export --out x", "reinforce", "finetune"])
def test_every_command_that_needs_a_trained_model_says_how_to_make_one(here, capsys, command):
    if command == "serve":
        pytest.importorskip("uvicorn")
    said = fails(capsys, *command.split(), "nowhere")
    assert "There is no trained model in nowhere; storyteller story makes one in runs/tiny." in said
    assert not list(here.iterdir())


def test_a_time_and_checkpoints_in_the_background_are_not_both_given(here, capsys):
    said = fails(capsys, "train", "--minutes", "1", "--async-checkpoints")
    assert "leave --async-checkpoints out" in said


@pytest.mark.parametrize("place", ["a-file", "a-file/run"])
def test_a_run_cannot_lie_where_a_file_is(here, capsys, place):
    (here / "a-file").write_text("mine", encoding="utf-8")
    assert f"{place} cannot be written" in fails(capsys, "train", "--out", place)
    assert (here / "a-file").read_text(encoding="utf-8") == "mine"


def interrupted(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("interrupted_in", "command", "kept"),
    [
        ("storyteller.tokenizer.Tokenizer.train", ["tokenizer", "--corpus", "one.txt"], "nothing was written"),
        (
            "storyteller.training.token_shards.preparing.prepare_shards",
            ["preprocess", "--corpus", "one.txt"],
            "complete shards are kept",
        ),
        ("storyteller.cli.download.fetch", ["download", "--datasets", "tinystories"], "the same command goes on"),
        ("storyteller.storyworld.generate", ["stories", "--count", "1"], "what was finished is kept"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_ctrl_c_is_one_sentence_and_exit_code_2_in_every_command(
    here, capsys, monkeypatch, interrupted_in, command, kept
):
    (here / "one.txt").write_text(TEXT, encoding="utf-8")
    (here / "data").mkdir()
    Tokenizer.train([TEXT], vocab_size=300).save(here / "data" / "tokenizer.json")
    monkeypatch.setattr(interrupted_in, interrupted)
    assert kept in fails(capsys, *command)


def test_ctrl_c_while_the_command_line_is_read_is_one_sentence_too(capsys, monkeypatch):
    monkeypatch.setattr("typer.core.TyperGroup.parse_args", interrupted)
    assert "stopped by Ctrl-C; the same command begins again." in fails(capsys, "info")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_in_training_keeps_a_checkpoint_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "storyteller", "train", "tiny", "--out", "run", "--stories", "300"]
    command += ["--steps", "100000", "--batch-size", "1", "--dtype", "float32"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    every = preset("tiny").train.checkpoint_every
    while not (tmp_path / "run" / f"step-{every:06d}").exists() and run.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=600)
    assert run.returncode == 2, said
    assert said.count("\n") == 1
    assert "To go on: storyteller train tiny --out run --stories 300" in said
    steps = sorted(int(path.name.removeprefix("step-")) for path in (tmp_path / "run").glob("step-*"))
    assert steps[-1] >= every
    again = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    later = tmp_path / "run" / f"step-{(steps[-1] // every + 1) * every:06d}"
    while not later.exists() and again.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=600)
    assert later.exists()
