"""A storyteller of the student's own parts: who goes in, that they are at work, and that nothing else changes."""

import functools
import importlib
import inspect
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import Sampling
from storyteller.runs import pipeline
from storyteller.runs.load import load_trained
from storyteller.training.events import Saved, StepDone
from storyteller_course import capstone
from storyteller_course.capstone import collect, roles, step_cost
from storyteller_course.capstone.benchmarks import TRIALS, same
from storyteller_course.capstone.collect import Gathered, Source
from storyteller_course.capstone.finished_run import History
from storyteller_course.capstone.roles import ROLE_OF, ROLES
from storyteller_course.cli import main
from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.notebook.progress_store import ProgressStore
from storyteller_course.notebook.use import LocatedAnswer
from tellers import make_run

# The module: `capstone.train` is the function of that name in it.
train = importlib.import_module("storyteller_course.capstone.train")

Part = Callable[..., Any]


@pytest.fixture
def notebooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Part]:
    """What the student's notebooks have: name to function; all else is unsolved."""
    own: dict[str, Part] = {}
    monkeypatch.setattr(collect, "_found", lambda role, live, earlier: LocatedAnswer(None, own.get(role.name), True))  # type: ignore[arg-type]
    return own


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("STORYTELLER_FAST", "1")
    monkeypatch.setattr(pipeline, "VALIDATION_STORIES", 8)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copied(part: Part) -> Part:
    """The same in a student's name: another object, which is not the course's."""
    if isinstance(part, type):
        return type(part.__name__, (part,), {})

    @functools.wraps(part)
    def own(*args: Any, **options: Any) -> Any:
        return part(*args, **options)

    return own


def test_nothing_solved_leaves_everything_to_the_course(notebooks, capsys):
    parts = capstone.gather()
    assert not any(parts.by_student.values())
    assert all(source.part is ROLE_OF[source.role.name].course for source in parts.sources.values())


def test_only_the_share_of_a_whole_step_decides_and_the_most_expensive_part_goes_first():
    names = ("RMSNorm", "attend", "adamw_step", "train_bpe")
    sources = {name: Source(role=ROLE_OF[name], part=(own := copied(ROLE_OF[name].course)), own=own) for name in names}
    parts = Gathered(sources=sources)
    extra = {"RMSNorm": 0.2, "attend": 3.0, "adamw_step": 1.0, "train_bpe": 100.0}

    def seconds_of(gathered: Gathered) -> float:
        at_work = [name for name, one in gathered.sources.items() if one.yours and not one.role.once]
        return 1.0 + sum(extra[name] for name in at_work)

    assert step_cost.too_slow(parts, seconds_of=seconds_of) == {"attend": pytest.approx(5.2)}
    extra["attend"] = 0.5
    assert step_cost.too_slow(parts, seconds_of=seconds_of) == {}


def test_a_part_that_is_ten_times_slower_and_costs_a_step_little_is_at_work(notebooks, capsys):
    course = ROLE_OF["learning_rate"].course
    notebooks["learning_rate"] = lambda *args, **options: [course(*args, **options) for _ in range(30)][-1]
    assert capstone.gather().by_student["learning_rate"]


def test_what_makes_a_step_far_longer_sits_out_the_training_and_is_back_afterwards(notebooks, capsys, monkeypatch):
    own = notebooks["learning_rate"] = copied(ROLE_OF["learning_rate"].course)
    notebooks["router_z_loss"] = copied(ROLE_OF["router_z_loss"].course)
    monkeypatch.setattr(collect, "too_slow", lambda parts: {"learning_rate": 4.25})
    parts = capstone.gather()
    assert not parts.by_student["learning_rate"]
    assert parts.by_student["router_z_loss"]
    assert parts.afterwards("learning_rate") is own
    said = capsys.readouterr().out
    assert "learning_rate: the course's. With yours, which is right, a step of training takes 4.2 times as long" in said


def test_a_vocabulary_that_would_take_an_hour_is_learned_by_the_course(notebooks, capsys, monkeypatch):
    notebooks["train_bpe"] = copied(ROLE_OF["train_bpe"].course)
    monkeypatch.setattr(collect, "MAX_TRIAL_S", -1.0)
    source = capstone.gather().sources["train_bpe"]
    assert not source.yours
    assert source.why.startswith("yours is right, and needs")


def test_a_step_of_the_library_s_parts_is_timed_without_counting_calls():
    parts = Gathered(sources={role.name: Source(role=role, part=role.course, own=None) for role in ROLES})
    assert step_cost.step_seconds(parts) > 0
    assert not parts.calls


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (lambda logits, **options: logits.square().mean(), "on a realistic input its result differs from the course's"),
        (lambda logits, **options: logits.no_such_thing, "on a realistic input it raises AttributeError"),
    ],
)
def test_what_fails_on_a_realistic_input_does_not_go_in(notebooks, own, why, capsys):
    notebooks["router_z_loss"] = own
    source = capstone.gather().sources["router_z_loss"]
    assert not source.yours
    assert source.own is None
    assert source.why.startswith(why)


def test_a_draw_is_at_work_only_inside_the_students_own_loop(notebooks, capsys):
    notebooks["choose"] = copied(ROLE_OF["choose"].course)
    assert not capstone.gather().by_student["choose"]
    notebooks["generate"] = copied(ROLE_OF["generate"].course)
    assert capstone.gather().by_student["choose"]


def test_every_role_has_a_trial():
    assert TRIALS.keys() == ROLE_OF.keys()


@pytest.mark.parametrize("name", TRIALS)
def test_every_trial_gives_the_same_twice(name):
    trial, course = TRIALS[name], ROLE_OF[name].course
    if name != "train_bpe":  # the plain form takes seconds
        assert same(trial(course)(), trial(course)())
    assert callable(course)
    assert inspect.isclass(course) or inspect.isfunction(course)


def test_results_that_differ_are_told_from_those_that_only_round_differently():
    x = torch.rand(5)
    assert same([x, 3], [x * (1 + 1e-6), 3])
    assert not same([x, 3], [x * 1.1, 3])
    assert not same([x], [x, x])
    assert not same(x, x[:4])


def test_every_part_of_the_students_is_at_work_and_the_run_is_the_librarys(notebooks, work, monkeypatch, capsys):
    monkeypatch.setattr(collect, "too_slow", lambda parts: {})
    # A layer of the student's own calls their router and dispatch by itself; here these go into the library's layer.
    notebooks.update(
        {role.name: copied(role.course) for role in ROLES if role.name not in ("train_bpe_fast", "MoELayer")}
    )
    run = capstone.train(capstone.gather(), folder="runs/own")
    assert [name for name, own in run.by_student.items() if not own] == ["MoELayer"]
    assert run.idle == []

    losses: list[float] = []
    plan = train.make_run_config(train.find_preset("tiny"), corpus=None, minutes=3, changes={})
    note = lambda event: losses.append(event.loss) if isinstance(event, StepDone) else None  # noqa: E731
    pipeline.train(plan, work / "library", notice=lambda text: None, on_event=note, device=torch.device("cpu"))
    assert run.history.loss == pytest.approx(losses, rel=2e-3)
    assert len(losses) == train.FAST_STEPS

    _model, tokenizer, checkpoint = load_trained(Path("runs/own"))  # as `storyteller tell` does
    assert checkpoint.values["replaced_parts"] == []  # they are proven equal to the library's
    assert tokenizer.fingerprint == run.tokenizer.fingerprint
    story = run.tell("A little girl", sampling=Sampling(temperature=0.8, top_p=0.9, max_new_tokens=12, seed=1))
    assert story.startswith("A little girl")
    assert len(story) > len("A little girl")
    assert run.tell("A little girl", sampling=Sampling(temperature=0.8, top_p=0.9, max_new_tokens=12, seed=1)) == story

    assert run.measured()["loss"] == pytest.approx(run.metrics.loss, rel=1e-3)  # one evaluation, two ways to it
    assert run.whose.startswith("25 of the 26 parts of this storyteller came out of your notebooks; the course's are")
    figures = run.evaluate({"1.0": Sampling(max_new_tokens=20)})
    assert figures.keys() == {"1.0", "held-out stories"}
    assert figures["held-out stories"]["copied words, median"] > figures["1.0"]["copied words, median"]
    page = run.write_page("given.html").read_text(encoding="utf-8")
    assert "route_top_k" in page

    card = run.export("given")
    assert all(f"`{name}`" in card for name, own in run.by_student.items() if own)
    assert (work / "given" / "model.safetensors").is_file()

    capsys.readouterr()
    again = capstone.train(run.parts, folder="runs/own")
    assert run.history.planned == [train.FAST_STEPS] * train.FAST_STEPS
    assert "is finished" in capsys.readouterr().out
    assert again.history.loss == run.history.loss
    assert again.by_student == run.by_student


def test_the_card_names_only_what_was_at_work(notebooks, work, capsys):
    notebooks.update({name: copied(ROLE_OF[name].course) for name in ("MoELayer", "router_z_loss")})
    run = capstone.train(capstone.gather(), folder="runs/one")
    assert [name for name, own in run.by_student.items() if own] == ["MoELayer", "router_z_loss"]
    assert run.history.calls["router_z_loss"] > 0
    assert run.history.calls["MoELayer"] > 0
    by_student = [line for line in run.export("one").splitlines() if "student: " in line]
    assert len(by_student) == 1
    assert "router_z_loss" in by_student[0]
    assert "attend" not in by_student[0]
    with pytest.raises(SystemExit):
        main(["export", "runs/one", "--out", "by-command"])
    assert by_student[0] in Path("by-command/README.md").read_text(encoding="utf-8").splitlines()


def test_a_layer_of_the_students_is_not_trained_with_a_router_that_it_does_not_have(notebooks, work):
    notebooks["MoELayer"] = copied(ROLE_OF["MoELayer"].course)
    with pytest.raises(
        StorytellerError, match="Your MoELayer routes by a softmax, and this model has a sigmoid router"
    ):
        capstone.train(capstone.gather(), folder="runs/sigmoid", changes={"router": "sigmoid"})


def step_done(step: int, *, planned: int) -> StepDone:
    return StepDone(
        step=step, steps=planned, loss=float(step), balance_losses=(2.0,), router_z_loss=0.0, learning_rate=1e-3,
        gradient_norm=1.0, skipped=False, tokens=64, tokens_per_second=1.0, seconds_left=1.0,
    )  # fmt: skip


def heard(history: History, *steps: int, planned: int) -> History:
    """Told of these steps, each with a pass through two layers of four experts."""
    output = SimpleNamespace(routing=[SimpleNamespace(expert_ids=torch.tensor([[0, 1]]), logits=torch.zeros(1, 4))] * 2)
    for step in steps:
        history.record_routing(torch.nn.Identity(), (), output)  # type: ignore[arg-type]
        history.handle(step_done(step, planned=planned))
    return history


def test_steps_that_are_made_again_after_a_resume_stand_in_the_history_once(tmp_path):
    heard(History(), 1, 2, 3, 4, 5, planned=8).save(tmp_path)
    resumed = heard(History.load(tmp_path), 4, 5, 6, 7, 8, planned=8)
    assert resumed.loss == [1, 2, 3, 4, 5, 6, 7, 8]
    assert resumed.load_steps == [1, 2, 3, 4, 5, 6, 7, 8]
    assert resumed.loads == [[[0.5, 0.5, 0, 0]] * 2] * 8
    assert resumed.replanned == []


def test_the_history_knows_where_a_run_was_made_longer_or_shorter():
    history = heard(heard(heard(History(), 1, 2, planned=8), 3, 4, planned=9), 5, 6, planned=7)
    assert history.replanned == [3, 5]
    heard(history, 5, 6, 7, planned=7)  # on from the checkpoint at which it was made shorter
    assert history.replanned == [3, 5]


def test_the_history_is_kept_with_every_checkpoint_for_a_run_that_is_killed(tmp_path):
    hear = train._event_handler(heard(History(), 1, 2, planned=4), tmp_path, print)
    hear(Saved(step=2, path=tmp_path / "step-000002"))
    assert History.load(tmp_path).loss == [1, 2]


def test_the_first_step_whose_pace_says_nothing_yet_gets_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "LINE_SECONDS", -1.0)
    said: list[str] = []
    hear = train._event_handler(History(), tmp_path, said.append)
    for step in (1, 2, 3):
        hear(step_done(step, planned=4))
    assert said == [" 50%  loss 2.00  1 s left", " 75%  loss 3.00  1 s left"]


def test_a_run_that_others_began_owes_nothing_to_the_student(tmp_path):
    own = copied(ROLE_OF["router_z_loss"].course)
    parts = Gathered(sources={"router_z_loss": Source(role=ROLE_OF["router_z_loss"], part=own, own=own)})
    assert train._note_parts(tmp_path / "new", parts) == {"router_z_loss": True}
    assert train._note_parts(make_run(tmp_path / "library"), parts) == {"router_z_loss": False}


def test_other_merges_than_the_librarys_are_refused_with_a_line():
    said: list[str] = []
    library = capstone.adapters.learn_with(
        lambda texts, n: [(97, 97)] * n, ["aa bb cc"] * 9, vocab_size=259, notice=said.append
    )
    assert library.vocab_size == 259
    assert "yours learned other merges" in said[0]


def test_a_change_that_is_no_setting_is_refused(notebooks, work, capsys):
    with pytest.raises(StorytellerError, match="There is no setting top_j"):
        capstone.train(capstone.gather(), folder="runs/x", changes={"top_j": 1})


def test_a_larger_preset_says_first_what_it_costs():
    said = train.costs(replace(train.find_preset("full")))
    assert "506 million parameters" in said
    assert "GB to train it" in said


def test_progress_says_which_parts_are_the_students_of_a_half_finished_set(tmp_path, monkeypatch, capsys):
    """The real lessons in a folder: 01 solved but for one, 02 begun, the others untouched."""
    monkeypatch.delenv("STORYTELLER_STATE", raising=False)
    work = tmp_path / "my-lessons"
    for folder in sorted((ROOT / "lessons").glob("0*")):
        shutil.copytree(folder, work / folder.name, ignore=shutil.ignore_patterns("*.md", "reference.py", "answers"))
    first, second = (load_lesson(work / name) for name in (roles.DATA, roles.TRANSFORMERS))
    state = ProgressStore.find(first.folder)
    for exercise in first.exercises.values():
        state.record(
            first, exercise.name, earned=exercise.points, solved=exercise.name not in ("encode", "train_bpe_fast")
        )
    state.record(second, "attend", earned=3, solved=False)
    state.record(second, "RMSNorm", earned=8, solved=True)
    with pytest.raises(SystemExit) as ended:
        main(["progress", "--work", str(work)])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split("The parts of a storyteller, by your last checks:")[1].split())
    assert said.startswith(
        "yours (3): train_bpe, decode, RMSNorm the course's, until yours passes (2): encode, attend "
    )
    assert "not checked yet (21): apply_rope, route_top_k," in said
    assert "train_bpe_fast" not in said
