"""Checkpoints of several processes, read by any other number; and mishaps, after which a run ends as it would have."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from worker_of_resume import new_trainer

from repository import ROOT
from storyteller.distributed.launch import launch
from storyteller.errors import StorytellerError
from storyteller.training.checkpoint import list_checkpoints, read_checkpoint

STEPS = 12
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started on Linux and macOS alone")


@pytest.fixture(autouse=True)
def paths(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "tests"), str(ROOT / "tests" / "distributed"))))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("undisturbed")
    new_trainer(folder).run()
    return weights(folder)


def go(folder: Path, processes: int, **wanted: Any) -> list[str]:
    """Go on with the run in the folder; what the user was told meanwhile."""
    said: list[str] = []
    script = str(ROOT / "tests" / "distributed" / "worker_of_resume.py")
    command = [sys.executable, script, json.dumps({"folder": str(folder), **wanted})]
    launch(processes, command, notice=said.append)
    return said


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Weights and the optimizer's memory at the end of the run."""
    newest = list_checkpoints(folder)[-1]
    assert newest.name == f"step-{STEPS:06d}"
    checkpoint = read_checkpoint(newest)
    assert any(name.endswith("exp_avg_sq") for name in checkpoint.state)
    kept = {name: tensor for name, tensor in checkpoint.state.items() if name.startswith("optimizer/")}
    return checkpoint.weights | kept


def difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    assert all(one[name].shape == other[name].shape for name in one)
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_a_killed_process_brings_all_back_to_the_last_checkpoint_and_one_process_goes_on(tmp_path, undisturbed):
    mishap = {"kind": "kill", "rank": 1, "step": 5}
    with pytest.raises(StorytellerError, match="stopped at step 8"):
        go(tmp_path, 2, shard=2, steps=8, mishap=mishap)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000006", "step-000008"]
    newest = list_checkpoints(tmp_path)[-1]
    parts = sorted(path.name for path in newest.iterdir())
    assert parts[0] == "checkpoint.json"
    assert len(parts) == 3
    assert json.loads((newest / "checkpoint.json").read_text())["content"]["sha256"].keys() == set(parts[1:])
    trainer = new_trainer(tmp_path)
    assert trainer.resume()
    assert trainer.step == 8
    trainer.run()
    assert difference(weights(tmp_path), undisturbed) < 1e-9


@pytest.mark.slow
def test_what_two_saved_four_and_one_go_on_with(tmp_path, undisturbed):
    """One process begins, two go on with divided weights, four with divided experts, two with whole weights."""
    trainer = new_trainer(tmp_path)
    for _ in range(3):
        trainer.train_step()
    trainer.save()
    with pytest.raises(StorytellerError, match="stopped at step 6"):
        go(tmp_path, 2, shard=2, steps=6)
    with pytest.raises(StorytellerError, match="stopped at step 9"):
        go(tmp_path, 4, shard=2, expert=2, steps=9)
    go(tmp_path, 2)
    assert difference(weights(tmp_path), undisturbed) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("shard", [1, 2])
def test_processes_killed_at_any_moment_end_with_the_run_of_an_undisturbed_one(tmp_path, undisturbed, shard):
    said = go(tmp_path, 2, shard=shard, mishap={"kind": "kill", "rank": 1, "within": 0.6, "times": 2})
    print(said)
    assert all("Process 1 was killed (SIGKILL)" in sentence for sentence in said)
    assert difference(weights(tmp_path), undisturbed) < 1e-9


@pytest.mark.slow
def test_a_process_that_stands_still_is_named(tmp_path):
    with pytest.raises(StorytellerError) as stopped:
        go(tmp_path, 2, timeout=4, mishap={"kind": "stand still", "rank": 1, "step": 3})
    assert "for 4 seconds the other processes waited in vain for process 1 of 2" in str(stopped.value)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000002"]


@pytest.mark.slow
def test_a_full_disk_of_one_process_stops_all_and_costs_no_checkpoint(tmp_path, undisturbed):
    with pytest.raises(StorytellerError, match=r"Process 1 could not write its part of the checkpoint of step 4"):
        go(tmp_path, 2, shard=2, mishap={"kind": "full disk", "rank": 1, "step": 3})
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000002"]


@pytest.mark.slow
def test_two_processes_that_save_while_they_train_are_killed_in_the_middle_and_end_as_undisturbed(
    tmp_path, undisturbed
):
    said = go(tmp_path, 2, shard=2, in_background=True, mishap={"kind": "kill", "rank": 1, "step": 5})
    assert len(said) == 1
    assert difference(weights(tmp_path), undisturbed) < 1e-9
    assert not list(tmp_path.glob(".*"))  # nothing half written


@pytest.mark.slow
def test_a_full_disk_while_training_goes_on_stops_all_and_costs_no_checkpoint(tmp_path):
    with pytest.raises(StorytellerError, match=r"Process 1 could not write its part of the checkpoint of step 4"):
        go(tmp_path, 2, shard=2, in_background=True, mishap={"kind": "full disk", "rank": 1, "step": 3})
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000002"]
