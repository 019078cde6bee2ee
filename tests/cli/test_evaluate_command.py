"""The command `storyteller evaluate`, on runs whose models have learned next to nothing."""

import json
import shutil

import pytest
import torch

from storyteller.config import ModelConfig, TrainConfig, to_dict
from storyteller.corpus import Story, load_stories
from storyteller.evaluation.stories import measure
from storyteller.moe.layer import build_model
from storyteller.runs.load import load_model
from storyteller.runs.openings import find_openings
from storyteller.runs.run_config import RunConfig
from storyteller.storyworld.generate import generate
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import Checkpoint, list_checkpoints, model_weights, save_checkpoint
from storyteller.training.token_shards import write_shards
from storyteller_course.cli import main

TRAINED_ON = "the fox and the owl sat in the old tree until the rain went away"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with two checkpoints: of the second, the model says the same word again and again."""
    folder = tmp_path_factory.mktemp("run")
    tokenizer = Tokenizer.train([TRAINED_ON] * 3, vocab_size=270)
    tokenizer.save(folder / "tokenizer.json")
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, max_seq_len=32, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_ff=8
    )
    plan = RunConfig(preset="tiny", corpus="storyworld", stories=10, model=config, train=TrainConfig(steps=2))
    plan.save(folder)
    write_shards([Story(text=TRAINED_ON, prompt="", genre="tale")], tokenizer, folder / "train")
    model = build_model(config, seed=1)
    values = {"tokenizer": tokenizer.fingerprint, "model_config": to_dict(config)}
    for step in (1, 2):
        save_checkpoint(folder, Checkpoint(step=step, weights=model_weights(model), state={}, values=values))
        with torch.no_grad():  # every token comes to look like " the", so that is what comes next
            model.embedding.weight.copy_(model.embedding.weight * 0.01)
            model.embedding.weight[tokenizer.encode("a the")[-1]] = 10.0
            model.position = None
    return folder


@pytest.fixture
def held_out(tmp_path):
    file = tmp_path / "held-out.txt"
    texts = [story.text for story in generate(60, seed=3)]
    file.write_text("".join(f"{text}\n<|endoftext|>\n" for text in texts), encoding="utf-8")
    return file


def evaluate(*arguments) -> None:
    main(["evaluate", *map(str, arguments), "--stories", "3"])


def test_an_opening_that_the_model_has_not_read_is_said_in_one_line(run, held_out, capsys):
    find_openings([TRAINED_ON, "Once upon a time there was an owl."]).save(run)
    try:
        for opening, said in (("Asdf qwer", 1), ("the fox and", 0)):
            with pytest.raises(SystemExit) as leaving:
                evaluate(run, "--corpus", held_out, "--opening", opening, "--max-new-tokens", 3)
            assert leaving.value.code == 0
            lines = capsys.readouterr().out.splitlines()
            assert sum("This model has read stories that begin like" in line for line in lines) == said
    finally:
        (run / "openings.json").unlink()


def test_a_damaged_run_file_names_a_way_out_that_the_command_has(run, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    (broken / "run.json").write_text("{", encoding="utf-8")
    for command, way_out in (
        (["evaluate", broken, "--stories", "3"], "mend it, or delete it and name a corpus with --corpus."),
        (["export", broken, "--out", tmp_path / "out"], f"mend it, or delete {broken / 'run.json'}."),
    ):
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in command])
        assert leaving.value.code == 2
        said = capsys.readouterr().err
        assert said.startswith(f"storyteller: {broken / 'run.json'} cannot be read as JSON")
        assert said.endswith(f"; {way_out}\n")


def test_the_table_has_each_checkpoint_with_each_setting(run, held_out, tmp_path, capsys):
    first, second = list_checkpoints(run)
    settings = ["--corpus", held_out, "--temperature", 0.5, "--temperature", 2, "--top-p", 0.9]
    with pytest.raises(SystemExit) as leaving:
        evaluate(first, second, *settings, "--out", tmp_path / "report")
    assert leaving.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in ("temperature 0.5, top_p 0.9", "temperature 2, top_p 0.9", "consistent", "copied words, most"):
        assert words in said
    figures = json.loads((tmp_path / "report" / "figures.json").read_text(encoding="utf-8"))
    assert len(figures) == 5
    assert figures[f"{held_out}, held-out stories"]["consistent"] == 1
    model, tokenizer = load_model(first)
    stories = load_stories(held_out, split="validation")  # never what a run on this very file would train on
    wanted = measure(model, tokenizer, [story.text for story in stories]).perplexity
    assert figures[f"{first}, temperature 0.5, top_p 0.9"][f"perplexity, {held_out}"] == pytest.approx(wanted)
    stuck = figures[f"{second}, temperature 0.5, top_p 0.9"]
    assert stuck["repetition"] > 0.5 > figures[f"{first}, temperature 0.5, top_p 0.9"]["repetition"]
    assert (tmp_path / "report" / "figures.png").read_bytes().startswith(b"\x89PNG")
    assert "--- 3 ---" in (tmp_path / "report" / "stories-4.txt").read_text(encoding="utf-8")


def test_a_run_without_shards_has_no_figure_for_copies(run, held_out, tmp_path, capsys):
    alone = tmp_path / "alone"
    alone.mkdir()
    for part in ("tokenizer.json", "step-000002"):
        (alone / part).symlink_to(run / part)
    with pytest.raises(SystemExit):
        evaluate(alone, "--corpus", held_out)
    assert "copied words, most" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-run"], "There is no trained model in no-such-run; storyteller story makes one"),
        (["RUN", "--temperature", "0"], "temperature is 0"),
        (["RUN", "--greedy", "--min-p", "0.1"], "there is no use for --min-p: leave out one or the other"),
        (["RUN", "--corpus", "no-such-corpus"], "no-such-corpus"),
        (["RUN/step-000009"], "step-000009 cannot be used"),
    ],
)
def test_bad_input_gets_one_sentence(run, arguments, sentence, capsys):
    with pytest.raises(SystemExit) as leaving:
        evaluate(*(word.replace("RUN", str(run)) for word in arguments))
    said = capsys.readouterr().err.strip()
    assert leaving.value.code == 2
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_checkpoint_of_a_run_can_be_named(run):
    first, second = list_checkpoints(run)
    newest = load_model(run)[0].embedding.weight
    assert torch.equal(load_model(second)[0].embedding.weight, newest)
    assert not torch.equal(load_model(first)[0].embedding.weight, newest)
