"""The same run whatever the number of processes: losses, gradients and weights after 20 steps, in float64."""

import functools
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import worker_of_equality
from worker_of_equality import COMPILED, SETTINGS, model_config, new_trainer, outcome, train_config

from repository import ROOT
from storyteller.config import Preset
from storyteller.distributed.launch import launch
from storyteller.distributed.mesh import MeshShape, choose_mesh
from storyteller.distributed.planner import plan_run
from storyteller.moe.cost_model import FLOAT32
from storyteller.training.compilation import why_not
from storyteller.training.components import TrainerComponents
from storyteller.training.processes import OneProcess

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started on Linux and macOS alone")


@functools.cache
def alone(name: str) -> dict[str, Any]:
    return outcome(new_trainer(name, OneProcess(), TrainerComponents()))


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, processes: int, *arrangements: str) -> float:
    """The largest difference to one process, over all arrangements and settings."""
    paths = (str(ROOT / "tests"), str(ROOT / "tests" / "distributed"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    script = ROOT / "tests" / "distributed" / "worker_of_equality.py"
    launch(processes, [sys.executable, str(script), str(folder), *arrangements], notice=print)
    largest = 0.0
    for arrangement in arrangements:
        mesh, names = arrangement.split(":")
        for name in names.split(","):
            found, wanted = torch.load(folder / f"{mesh}-{name}.pt"), alone(name)
            difference = _difference(found, wanted)
            shard, expert = map(int, mesh.split("x"))
            _compare_memory(found["numbers"], name, choose_mesh(processes, shard=shard, expert=expert))
            print(f"{processes} processes, shard x expert {mesh}, {name}: {difference:.1e}")
            largest = max(largest, difference)
    return largest


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> float:
    assert found["weights"].keys() == wanted["weights"].keys()
    assert wanted["gradients"]
    assert found["gradients"].keys() == wanted["gradients"].keys()
    pairs = [(torch.tensor(found[name]), torch.tensor(wanted[name])) for name in ("losses", "validation")]
    for kind in ("weights", "gradients"):
        pairs += [(found[kind][name], wanted[kind][name]) for name in wanted[kind]]
    return max(float((one.double() - other.double()).abs().max()) for one, other in pairs)


def _compare_memory(numbers: list[int], name: str, shape: MeshShape) -> None:
    """What a process keeps, on average, beside what the planner says of it."""
    preset = Preset(name=name, about="", model=model_config(name), train=train_config(name))
    plan = plan_run(preset, shape)
    weights, gradients, optimizer = (FLOAT32 * number / shape.processes for number in numbers)
    assert weights == pytest.approx(plan.weights, rel=0.1)
    assert optimizer == pytest.approx(plan.optimizer, rel=0.1)
    if preset.train.grad_accum_steps == 1:  # between passes the gradients of divided weights are kept undivided
        assert gradients == pytest.approx(plan.gradients, rel=0.1)


def test_two_processes_make_the_run_of_one(tmp_path, monkeypatch):
    assert run(tmp_path, monkeypatch, 2, "1x1:even,unequal,accumulated", "2x1:even", "1x2:even") < 1e-9


@pytest.mark.slow
def test_two_processes_make_the_run_of_one_in_every_setting(tmp_path, monkeypatch):
    every = ",".join(SETTINGS)
    experts = ",".join(set(SETTINGS) - {"dense"})
    assert run(tmp_path, monkeypatch, 2, f"1x1:{every}", f"2x1:{every}", f"1x2:{experts}") < 1e-9


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # of PyTorch's own, when it begins to compile
def test_two_processes_make_the_run_of_one_that_is_not_compiled(tmp_path, monkeypatch):
    if (missing := why_not("cpu")) is not None:
        pytest.skip(missing)
    both, uncompiled = ",".join(COMPILED), {name: options | {"compile": "off"} for name, options in COMPILED.items()}
    monkeypatch.setattr(worker_of_equality, "COMPILED", uncompiled)  # here; not in the processes that are started
    assert run(tmp_path, monkeypatch, 2, "1x1:compiled", f"2x1:{both}", "1x2:compiled") < 1e-9


@pytest.mark.slow
def test_four_processes_make_the_run_of_one(tmp_path, monkeypatch):
    arrangements = ("1x1:unequal,accumulated,few,bias,dense", "4x1:unequal,few,dense", "2x1:even,unequal,accumulated")
    experts = ("1x4:unequal,few,accumulated", "2x2:even,unequal,accumulated,bias", "1x2:even,unequal,accumulated")
    assert run(tmp_path, monkeypatch, 4, *arrangements, *experts) < 1e-9
