"""The command `storyteller tell`, on a run whose model has learned nothing."""

import io
import shutil
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from storyteller.cli.tell import say, tell
from storyteller.config import ModelConfig, to_dict
from storyteller.errors import StorytellerError
from storyteller.inference.generate import tell as tell_whole
from storyteller.inference.generation_config import write_sampling
from storyteller.inference.sampling import row_seed
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, STORY_SAMPLING, Sampling
from storyteller.moe.layer import build_model
from storyteller.runs.load import load_model
from storyteller.runs.openings import find_openings
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import Checkpoint, model_weights, save_checkpoint
from storyteller_course.cli import app


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    tokenizer = Tokenizer.train(["the fox and the owl sat in the old tree"] * 3, vocab_size=270)
    tokenizer.save(folder / "tokenizer.json")
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, max_seq_len=32, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_ff=8
    )
    values = {"tokenizer": tokenizer.fingerprint, "model_config": to_dict(config)}
    weights = model_weights(build_model(config, seed=1))
    save_checkpoint(folder, Checkpoint(step=1, weights=weights, state={}, values=values))
    return folder


def printed(text: str) -> str:
    """What the terminal shows of a text of any characters."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if (ch < " " and ch not in "\t\n") or "\x7f" <= ch < "\xa0" else ch for ch in text
    )


def test_the_story_is_that_of_the_library(run, capsys):
    tell("the fox", run=run, temperature=0.7, top_k=50, seed=3, max_new_tokens=40)
    model, tokenizer = load_model(run)
    sampling = Sampling(temperature=0.7, top_k=50, seed=3, max_new_tokens=40)
    assert capsys.readouterr().out == printed(tell_whole(model, tokenizer, ["the fox"], sampling=sampling)[0]) + "\n"


def test_without_options_a_story_is_told_as_the_run_s_own_settings_say(run, tmp_path, capsys):
    own = shutil.copytree(run, tmp_path / "own")
    model, tokenizer = load_model(own)
    tell("the fox", run=own)
    assert (
        capsys.readouterr().out == printed(tell_whole(model, tokenizer, ["the fox"], sampling=STORY_SAMPLING)[0]) + "\n"
    )
    sampling = Sampling(temperature=2.0, top_k=30, max_new_tokens=20, seed=STORY_SAMPLING.seed)
    write_sampling(own, sampling, max_length=32, end_id=tokenizer.end_id)
    for folder in (own, own / "step-000001"):
        tell("the fox", run=folder)
        assert (
            capsys.readouterr().out == printed(tell_whole(model, tokenizer, ["the fox"], sampling=sampling)[0]) + "\n"
        )
    tell("the fox", run=own, top_k=5)
    wanted = tell_whole(model, tokenizer, ["the fox"], sampling=replace(sampling, top_k=5))[0]
    assert capsys.readouterr().out == printed(wanted) + "\n"


def test_the_help_says_whose_the_defaults_are():
    result = CliRunner().invoke(app, ["tell", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.output.count("default: (the run's own)") == len(SAMPLING_OPTIONS)


def test_an_opening_that_the_model_does_not_know_is_told_all_the_same_and_one_line_says_so(run, tmp_path, capsys):
    own = shutil.copytree(run, tmp_path / "own")
    known = find_openings(["the fox and the owl sat"] * 2 + ["an owl and a fox sat", "rain fell and went on"])
    known.save(own)
    for opening, note in (("the fox and all", ""), ("A dragon", known.warning + "\n"), ("", "")):
        tell(opening, run=own, max_new_tokens=5, count=2)
        said = capsys.readouterr()
        assert said.err == note
        assert said.out.startswith(opening)
    assert known.warning == (
        'This model has read stories that begin like "the fox and the", "an owl and a", "rain fell and went"; yours '
        "begins otherwise, so the story may not hold together."
    )


def test_a_space_behind_the_opening_changes_nothing_and_stands_there_once(run, capsys):
    model, tokenizer = load_model(run)
    for seed in range(6):
        sampling = Sampling(seed=seed, max_new_tokens=12)
        plain = tell_whole(model, tokenizer, ["the fox"], sampling=sampling)[0]
        continuation = plain.removeprefix("the fox")
        wanted = "the fox " + continuation.removeprefix(" ")
        assert tell_whole(model, tokenizer, ["the fox "], sampling=sampling)[0] == wanted
        tell("the fox ", run=run, seed=seed, max_new_tokens=12, temperature=1.0)
        assert capsys.readouterr().out == printed(wanted) + "\n"


def test_no_story_at_all_is_refused():
    done = CliRunner().invoke(app, ["tell", "--count", "0"])
    assert done.exit_code == 2
    assert "Invalid value for '--count'" in done.output


def test_each_of_several_stories_has_a_seed_of_its_own(run, capsys):
    tell("the fox", run=run, seed=3, max_new_tokens=10, count=2)
    both = capsys.readouterr().out
    tell("the fox", run=run, seed=3, max_new_tokens=10)
    first = capsys.readouterr().out
    tell("the fox", run=run, seed=row_seed(3, 1), max_new_tokens=10)
    second = capsys.readouterr().out
    assert both == f"{first}\n---\n\n{second}"


def test_greedy_does_not_depend_on_the_seed(run, capsys):
    model, tokenizer = load_model(run)
    told = [
        tell_whole(model, tokenizer, ["the fox"], sampling=Sampling(greedy=True, seed=seed, max_new_tokens=10))[0]
        for seed in (1, 2)
    ]
    tell("the fox", run=run, greedy=True, max_new_tokens=10, repetition_penalty=1.0)
    assert {printed(text) + "\n" for text in told} == {capsys.readouterr().out}


@pytest.mark.parametrize("opening", ["", "🦊 und 日本語", "line\nbreak", "\x00"])
def test_any_opening_is_continued(run, capsys, opening):
    tell(opening, run=run, max_new_tokens=5)
    assert capsys.readouterr().out.startswith(printed(opening))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0.0}, "temperature is 0.0; .*--greedy"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"top_k": 0}, "top_k is 0"),
        ({"min_p": 1.0}, "min_p is 1.0"),
        ({"greedy": True, "temperature": 0.5}, "--greedy draws nothing, so there is no use for --temperature:"),
        ({"greedy": True, "top_k": 5, "seed": 3}, "there is no use for --top-k, --seed: leave out one or the other"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"opening": "half \udce9"}, "lone surrogate"),
        (
            {"opening": "<|endoftext|>"},
            r"special token '<\|endoftext\|>', which is no text of a story; leave it out\.$",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_printed(run, capsys, options, words):
    with pytest.raises(StorytellerError, match=words):
        tell(**{"opening": "the fox", "run": run} | options)
    assert capsys.readouterr().out == ""


def test_without_a_trained_run_the_way_to_one_is_named(tmp_path):
    with pytest.raises(StorytellerError, match="storyteller story"):
        tell("the fox", run=tmp_path / "nowhere")


def test_a_tokenizer_of_another_run_is_refused(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    Tokenizer.train(["something else altogether"], vocab_size=270).save(other / "tokenizer.json")
    with pytest.raises(StorytellerError, match="tokenizer"):
        tell("the fox", run=other)


def test_a_terminal_gets_no_control_characters(capsys):
    say("a\x1b[2J", ["b\x07", "\tc\n", "\x9b", "é"])
    assert capsys.readouterr().out == "a\ufffd[2Jb\ufffd\tc\n\ufffdé\n"


def test_a_console_that_lacks_a_character_shows_a_question_mark(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("naïve", [" 🦊"])
    sys.stdout.flush()
    assert raw.getvalue().split() == [b"na?ve", b"?"]


def test_each_piece_is_shown_before_the_next_is_asked_for(capsys):
    def pieces():
        for word in (" one", " two"):
            yield word
            assert word in capsys.readouterr().out

    say("go", pieces())
