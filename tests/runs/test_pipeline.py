"""The whole run, from the corpus to stories, with a model that learns for seconds."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from storyteller.corpus import local_files
from storyteller.corpus.load import load_stories
from storyteller.corpus.local_files import read_file
from storyteller.errors import StorytellerError
from storyteller.evaluation import stories as evaluated_stories
from storyteller.evaluation.stories import consistency
from storyteller.runs import pipeline
from storyteller.runs.load import load_model
from storyteller.runs.pipeline import prepare, train
from storyteller.runs.run_config import RunConfig, is_finished
from storyteller.runs.training_time import training_seconds
from storyteller.storyworld import generate
from storyteller.training.checkpoint import list_checkpoints
from storyteller.training.events import Evaluated, StepDone
from storyteller.training.token_shards import write_shards
from tiny_training import PLAN

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(pipeline, "VALIDATION_STORIES", 10)
    monkeypatch.setattr(pipeline, "VALIDATION_TOKENS", 500)
    monkeypatch.setattr(evaluated_stories, "SAMPLED_STORIES", 4)


def run(plan, folder, events=None):
    notices = []
    on_event = (lambda event: None) if events is None else events.append
    return train(plan, folder, notice=notices.append, on_event=on_event, device=CPU), notices


def test_a_run_goes_from_nothing_to_a_model_that_can_tell(tmp_path):
    events = []
    result, notices = run(PLAN, tmp_path, events)
    assert (result.step, result.interrupted) == (6, False)
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events if isinstance(event, Evaluated)] == [3, 6]
    assert len(notices) == 3  # vocabulary, train, validation
    assert is_finished(tmp_path)
    model, tokenizer = load_model(tmp_path)
    found = consistency(tmp_path, model, tokenizer, notice=notices.append)
    assert found["stories"] == 4
    assert 0 <= found["consistent"] <= 1
    assert (tmp_path / "sampled.txt").read_text(encoding="utf-8").count("--- ") == 4


def test_a_finished_run_says_so_and_a_run_that_goes_on_says_what_it_keeps(tmp_path):
    begun, _ = run(replace(PLAN, train=replace(PLAN.train, steps=3)), tmp_path)
    assert begun.step == 3
    longer = replace(PLAN, train=replace(PLAN.train, steps=5, learning_rate=0.1, dtype="bfloat16"))
    events = []
    finished, notices = run(longer, tmp_path, events)
    assert finished.step == 3
    assert events == []  # and nothing of a rate that it goes on with
    assert notices == [
        f"The run in {tmp_path} has made its 3 steps, so there is nothing left to do: for another run choose another "
        "--out."
    ]
    file = tmp_path / "run.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"steps": 3', '"steps": 4'), encoding="utf-8")
    shutil.copytree(tmp_path, tmp_path / "another")
    _, notices = run(replace(longer, train=replace(longer.train, steps=4, dtype="auto")), tmp_path / "another")
    assert notices == []  # nobody asked for anything else
    going_on, notices = run(longer, tmp_path)
    assert going_on.step == 4
    assert notices == [
        "The run began with steps 4 and keeps that, not 5.",
        f"The run began with dtype {PLAN.train.dtype} and keeps that, not bfloat16.",
    ]


def test_an_undivided_corpus_is_read_once_for_both_splits(tmp_path, monkeypatch):
    stories = [story.text for story in generate(120, seed=3)]
    file = tmp_path / "stories.txt"
    file.write_text("".join(f"{text}\n<|endoftext|>\n" for text in stories), encoding="utf-8")
    plan = replace(PLAN, corpus=str(file))
    read = []

    def counting(path, *, report):
        for story in read_file(path, report=report):
            read.append(story.text.strip())
            yield story

    monkeypatch.setattr(local_files, "read_file", counting)
    vocabulary = prepare(plan, tmp_path / "run", notice=lambda text: None).tokenizer
    for_vocabulary, for_tokens = read[: -len(stories)], read[-len(stories) :]
    assert for_tokens == stories
    assert for_vocabulary == stories[: len(for_vocabulary)]  # as many as it takes for 40 of them to be for training
    for split, limit in (("train", plan.stories), ("validation", 10)):
        source = {"corpus": plan.corpus, "split": split, "limit": limit}
        alone = load_stories(plan.corpus, split=split, limit=limit)
        write_shards(alone, vocabulary, tmp_path / "each" / split, source=source)
        once, each = tmp_path / "run" / split, tmp_path / "each" / split
        assert {path.name: path.read_bytes() for path in once.iterdir()} == {
            path.name: path.read_bytes() for path in each.iterdir()
        }


def test_the_time_that_it_took_is_kept(tmp_path):
    run(PLAN, tmp_path)
    assert training_seconds(tmp_path, step=6) > 0
    first = training_seconds(tmp_path, step=6)
    run(PLAN, tmp_path)  # nothing is left to do
    assert training_seconds(tmp_path, step=6) == first


def test_consistency_is_measured_once(tmp_path):
    run(PLAN, tmp_path)
    model, tokenizer = load_model(tmp_path)
    said = []
    first = consistency(tmp_path, model, tokenizer, notice=said.append)
    assert consistency(tmp_path, model, tokenizer, notice=said.append) == first
    assert len(said) == 1


def test_seconds_become_steps_once_and_the_run_keeps_them(tmp_path):
    wanted = replace(PLAN, seconds=1.0, train=replace(PLAN.train, steps=10**9))
    result, _ = run(wanted, tmp_path)
    saved = RunConfig.load(tmp_path)
    assert saved.seconds is None
    assert saved.train.steps == result.step < 10**9
    assert run(wanted, tmp_path)[0].step == result.step  # nothing left to do


@pytest.mark.parametrize("steps", [7, 16], ids=["shorter", "longer"])
def test_a_run_whose_pace_is_not_that_of_its_trial_gets_another_length_and_still_resumes_to_the_same_weights(
    tmp_path, monkeypatch, steps
):
    class Elsewhere:  # than at the 12 steps of the trial, the run ends
        def __init__(self, seconds):
            assert seconds == 5.0

        def steps(self, step, planned):
            return steps

    class StoppedError(Exception):
        pass

    def stop_at_five(event):
        if isinstance(event, StepDone) and event.step == 5:
            raise StoppedError

    monkeypatch.setattr(pipeline, "Deadline", Elsewhere)
    monkeypatch.setattr(pipeline, "steps_within", lambda *arguments, **options: 12)
    wanted = replace(PLAN, seconds=5.0)
    events = []
    assert run(wanted, tmp_path / "whole", events)[0].step == steps
    rates = [event.learning_rate for event in events if isinstance(event, StepDone)]
    assert rates[-1] == pytest.approx(
        PLAN.train.learning_rate * PLAN.train.min_lr_ratio
    )  # down to the end, not cut off
    assert is_finished(tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(wanted, tmp_path / "broken", notice=lambda text: None, on_event=stop_at_five, device=CPU)
    assert run(wanted, tmp_path / "broken")[0].step == steps
    whole, broken = (load_model(tmp_path / name)[0].state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_passes_run_side_by_side_where_each_has_one_thread(tmp_path, monkeypatch, two_threads):
    asked_for = []

    class Spied(pipeline.Trainer):
        def __init__(self, *arguments, parallel_microbatches, **options):
            asked_for.append(parallel_microbatches)
            super().__init__(*arguments, parallel_microbatches=parallel_microbatches, **options)

    monkeypatch.setattr(pipeline, "Trainer", Spied)
    plan = replace(PLAN, train=replace(PLAN.train, batch_size=1, grad_accum_steps=2))
    for threads in (1, 2):
        torch.set_num_threads(2)
        run(replace(plan, threads=threads), tmp_path / str(threads))
    assert asked_for == [2, 1]
    monkeypatch.setattr(pipeline, "_parallel_microbatches", lambda *arguments, **options: 1)
    torch.set_num_threads(2)
    run(replace(plan, threads=1), tmp_path / "in turn")
    beside, in_turn = (load_model(tmp_path / name)[0].state_dict() for name in ("1", "in turn"))
    assert all(torch.equal(beside[name], in_turn[name]) for name in beside)


def test_a_run_stopped_between_two_steps_goes_on_and_ends_with_the_same_weights(tmp_path):
    class StoppedError(Exception):
        pass

    def stop_at_four(event):
        if isinstance(event, StepDone) and event.step == 4:
            raise StoppedError

    run(PLAN, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(PLAN, tmp_path / "broken", notice=lambda text: None, on_event=stop_at_four, device=CPU)
    assert not is_finished(tmp_path / "broken")
    run(PLAN, tmp_path / "broken")
    whole, broken = (load_model(tmp_path / name)[0].state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_another_run_in_the_same_folder_is_refused_and_nothing_is_lost(tmp_path):
    run(PLAN, tmp_path)
    before = list_checkpoints(tmp_path)
    with pytest.raises(StorytellerError, match=r"d_ff 8, not 16.*--out"):
        run(replace(PLAN, model=replace(PLAN.model, d_ff=16)), tmp_path)
    with pytest.raises(StorytellerError, match="corpus storyworld, not tinystories"):
        run(replace(PLAN, corpus="tinystories"), tmp_path)
    assert list_checkpoints(tmp_path) == before
    assert is_finished(tmp_path)


def test_whoever_could_not_read_one_corpus_may_name_another(tmp_path):
    with pytest.raises(StorytellerError, match="nowhere"):
        run(replace(PLAN, corpus=str(tmp_path / "nowhere.txt")), tmp_path / "run")
    assert run(PLAN, tmp_path / "run")[0].step == 6


def test_a_smaller_batch_may_go_on_with_a_run_that_ran_out_of_memory(tmp_path):
    run(replace(PLAN, train=replace(PLAN.train, steps=3)), tmp_path)
    values = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    values["train"]["steps"] = 6  # as if it had stopped half-way
    (tmp_path / "run.json").write_text(json.dumps(values), encoding="utf-8")
    result, _ = run(replace(PLAN, train=replace(PLAN.train, batch_size=1, grad_accum_steps=2)), tmp_path)
    assert result.step == 6
    assert RunConfig.load(tmp_path).train.grad_accum_steps == 2


def test_a_damaged_run_file_is_one_sentence(tmp_path):
    for content in ("{", "[]", "3", '{"preset": "tiny"}', '{"preset": 1, "corpus": 1, "stories": 1, "model": []}'):
        (tmp_path / "run.json").write_text(content, encoding="utf-8")
        with pytest.raises(
            StorytellerError, match=r"run\.json .*; choose another folder with --out, or delete "
        ) as error:
            run(PLAN, tmp_path)
        assert str(error.value).endswith(".")
        with pytest.raises(StorytellerError, match=r"run\.json .*; mend it, or name another run\.$"):
            RunConfig.load(tmp_path)


def test_the_vocabulary_may_turn_out_smaller_than_asked_for(tmp_path):
    plan = replace(PLAN, corpus=str(tmp_path / "one.txt"), model=replace(PLAN.model, vocab_size=5000))
    stories = [f"Fox {n} saw a plum and {'ran ' * 30}home to the den number {n * n}." for n in range(60)]
    (tmp_path / "one.txt").write_text("\n<|endoftext|>\n".join([*stories, ""]), encoding="utf-8")
    run(plan, tmp_path / "run")
    model, tokenizer = load_model(tmp_path / "run")
    assert model.config.vocab_size == tokenizer.vocab_size < 5000


def test_how_the_users_own_files_were_read_is_said_once(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("train.txt", "valid.txt"):
        stories = [
            f"Once upon a time fox {n} found {n * 7} plums in {name}. " + "It ate them all. " * 5 for n in range(9)
        ]
        (folder / name).write_text("\n\n".join(stories), encoding="utf-8")
    (folder / "notes.md").write_text("plums", encoding="utf-8")
    notices = []
    prepare(replace(PLAN, corpus=str(folder)), tmp_path / "run", notice=notices.append)
    said = [notice for notice in notices if not notice.endswith("...")]
    assert [notice.partition(",")[0] for notice in said if "told apart by blank lines" in notice] == [
        "train.txt and 1 more: 18 stories read",
    ]
    assert sum("notes.md was left out" in notice for notice in said) == 1
    assert len(said) == 2


def test_a_stage_that_is_done_is_not_done_again(tmp_path):
    first, second = [], []
    prepare(PLAN, tmp_path, notice=first.append)
    prepare(PLAN, tmp_path, notice=second.append)
    assert (len(first), second) == (3, [])
