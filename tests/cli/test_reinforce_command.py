"""`storyteller reinforce` and `storyteller finetune`, from a trained run to a run of its own."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from storyteller.cli.progress_bar import TrainingProgress
from storyteller.config import TrainConfig
from storyteller.errors import StorytellerError
from storyteller.export import export_run
from storyteller.export.trained_run import read_trained
from storyteller.rl.pipeline import ReinforceRun, reinforce
from storyteller.rl.settings import ReinforceConfig
from storyteller.runs.load import load_model
from storyteller.runs.pipeline import train
from storyteller.runs.run_config import is_finished
from storyteller.training.events import StepDone
from storyteller_course.cli import main
from tiny_training import PLAN

FEW = ["--steps", "2", "--group-size", "4", "--batch-size", "2", "--min-words", "0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    train(PLAN, folder, notice=lambda text: None, on_event=lambda event: None, device=torch.device("cpu"))
    return folder


@pytest.fixture
def base(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "tiny"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    assert exit_.value.code == 2
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1, sentence
    return sentence


def run_of_a_step(rewards: dict[str, float]) -> ReinforceRun:
    config = ReinforceConfig(train=TrainConfig(steps=1, batch_size=2, dtype="float32"), group_size=2)
    return ReinforceRun(rewards=rewards, config=config)


def test_a_reinforced_run_lies_beside_its_base_which_stays_as_it_was(base, capsys):
    before = contents(base)
    with pytest.raises(SystemExit) as exit_:
        main(["reinforce", str(base), "--reward", "length", *FEW])
    assert exit_.value.code == 0
    assert contents(base) == before
    folder = base.with_name("tiny-reinforced")
    said = capsys.readouterr().out
    assert "before" in said
    assert "distinct-4" in said
    model, _ = load_model(folder)
    old, _ = load_model(base)
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), old.parameters(), strict=True))
    assert is_finished(folder)
    (stage,) = json.loads((folder / "provenance.json").read_text())
    assert (stage["command"], stage["base"], stage["base_step"]) == ("reinforce", "tiny", 6)
    kept, _ = load_model(folder / "base" / "step-000006")  # what the KL was taken to
    assert all(torch.equal(a, b) for a, b in zip(kept.parameters(), old.parameters(), strict=True))


def test_card_and_page_tell_where_the_model_came_from(base, tmp_path, capsys):
    for run in (base, base.with_name("tiny-reinforced")):
        with pytest.raises(SystemExit):
            main(["reinforce", str(run), "--reward", "length:2", "--kl", "0.25", *FEW])
    capsys.readouterr()
    twice = base.with_name("tiny-reinforced-reinforced")
    assert [stage.base for stage in read_trained(twice).stages] == ["tiny", "tiny-reinforced"]
    export_run(twice, tmp_path / "hf")
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "trained as `tiny` (6 updates" in card
    assert card.count("reinforced on its own stories by the reward 2 length") == 2
    assert "KL weight 0.25" in card
    assert "updates of the weights since then | 2" in card
    export_run(twice, tmp_path / "page.html", format="html")
    assert "reinforced on its own stories" in (tmp_path / "page.html").read_text()


def test_an_interrupted_run_goes_on_with_the_same_command_and_no_other(base, capsys):
    out = base.with_name("new")
    command = ["reinforce", str(base), "--out", str(out), "--reward", "length", *FEW]

    class Stop(Exception):
        pass

    from storyteller.rl import pipeline

    def stop(event):
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.ReinforceTrainer, "finish_step", lambda *a, **k: (_ for _ in ()).throw(Stop()))
        with pytest.raises(Stop):
            main(command)
    capsys.readouterr()
    assert "a run with kl_weight 0.05, not 0.5" in refused(capsys, *command, "--kl", "0.5")
    stages = json.loads((out / "provenance.json").read_text())
    del stages[0]["settings"]["train"]["compile"]  # as an older version wrote it
    (out / "provenance.json").write_text(json.dumps(stages))
    assert "choose another --out" in refused(capsys, "finetune", base, "--out", out, "--steps", "1")
    assert "storyteller reinforce made from tiny" in refused(capsys, "train", "tiny", "--out", out)
    with pytest.raises(SystemExit) as exit_:
        main(command)
    assert exit_.value.code == 0
    assert "is finished" in refused(capsys, *command)


def test_a_time_is_kept_in_steps(base, monkeypatch):
    told = []
    monkeypatch.setattr(TrainingProgress, "__call__", lambda self, event: told.append(event))
    with pytest.raises(SystemExit) as exit_:
        main(["reinforce", str(base), "--reward", "length", "--minutes", "0.06", *FEW[2:]])
    assert exit_.value.code == 0
    first, *others = (event for event in told if isinstance(event, StepDone))
    assert others
    assert first.steps > first.step  # how many there will be nobody knows before one was timed
    assert others[-1].learning_rate < first.learning_rate  # it falls while the time runs out
    folder = base.with_name("tiny-reinforced")
    assert is_finished(folder)
    assert json.loads((folder / "run.json").read_text())["train"]["steps"] == others[-1].step


def test_a_fine_tuned_run_answers_to_wishes_and_can_be_reinforced_for_them(base, capsys):
    before = contents(base)
    with pytest.raises(SystemExit) as exit_:
        main(["finetune", str(base), "--corpus", "storyworld-tales-small", "--stories", "30", "--steps", "3"])
    assert exit_.value.code == 0
    assert contents(base) == before
    tuned = base.with_name("tiny-finetuned")
    assert f"storyteller tell --run {tuned}" in capsys.readouterr().out
    trained = read_trained(tuned)
    assert trained.values["metrics"]["tokens"] > 100  # measured on held-out stories, not on their prompts
    assert "fine-tuned on 30 stories" in trained.stages[0].how


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reward", "beauty"], "There is no reward 'beauty'; choose from consistency"),
        (["--reward", "length:much"], "'length:much'"),
        (["--reward", "length", "--reward", "length:2"], "twice"),
        (["--minutes", "0"], "--minutes is 0"),
        (["--minutes", "1", "--steps", "2"], "--minutes and --steps both say how long"),
        (["--steps", "0"], "steps is 0"),
        (["--group-size", "1"], "group_size is 1"),
        (["--learning-rate", "0"], "learning_rate is 0"),
        (["--temperature", "-1"], "temperature is -1"),
        (["--loss", "best"], "loss is 'best'"),
        (["--wishes", "nowhere", "--steps", "1"], "There is no corpus 'nowhere'"),
        (["--wishes", "storyworld", "--opening", "Once"], "leave one of them out"),
        (["--opening", "a <|endoftext|>", "--steps", "1"], "endoftext"),
        (["--device", "abacus", "--steps", "1"], "The device 'abacus' cannot be used"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_and_makes_no_folder(base, capsys, options, words):
    assert words in refused(capsys, "reinforce", base, *options)
    assert not base.with_name("tiny-reinforced").exists()


def test_folders_that_hold_something_else_are_refused(base, tmp_path, capsys):
    assert "There is no trained model" in refused(capsys, "reinforce", tmp_path / "nothing")
    assert "There is no trained model" in refused(capsys, "finetune", tmp_path / "nothing")
    assert "stays as it is" in refused(capsys, "reinforce", base, "--out", base, "--steps", "1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "holds something else" in refused(capsys, "reinforce", base, "--out", tmp_path / "mine", "--steps", "1")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert "There is no corpus 'nowhere'" in refused(capsys, "finetune", base, "--corpus", "nowhere", "--steps", "1")
    assert not base.with_name("tiny-finetuned").exists()


@pytest.mark.parametrize("reward", ["known_pairs", "not_copied"])
def test_a_reward_that_is_made_of_the_training_stories_finds_them_or_says_that_there_are_none(base, reward):
    run, events = run_of_a_step({reward: 0.5}), []
    options = {"notice": lambda text: None, "on_event": events.append, "device": torch.device("cpu")}
    reinforce(base, base.with_name("new"), run, **options)
    [earned] = [event.figures[f"reward/{reward}"] for event in events if isinstance(event, StepDone)]
    assert 0 <= earned <= 1
    shutil.rmtree(base / "train")
    with pytest.raises(StorytellerError, match=r"tiny has no training stories \(train/\)"):
        reinforce(base, base.with_name("other"), run, **options)
    assert not base.with_name("other").exists()


def test_a_reward_of_ones_own_is_as_good(base, tmp_path):
    run = run_of_a_step({"mine": 1.0})
    options = {"notice": lambda text: None, "on_event": lambda event: None, "device": torch.device("cpu")}
    result = reinforce(
        base, tmp_path / "new", run, rewards={"mine": lambda s: [float(len(x.text)) for x in s]}, **options
    )
    assert result.step == 1
    with pytest.raises(StorytellerError, match="There is no reward 'mine'"):
        reinforce(base, tmp_path / "other", run, **options)
