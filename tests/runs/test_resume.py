"""A run that is killed again and again ends exactly like one that was left alone."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from repository import ROOT
from storyteller.training.checkpoint import list_checkpoints
from storyteller.training.events import Event, Saved, StepDone
from tiny_training import tiny_trainer

STEPS = 24


def train(folder: Path) -> None:
    """What the killed process does: go on where the run stands, and say a word at every step and checkpoint."""

    def say(event: Event) -> None:
        if isinstance(event, StepDone | Saved):
            print(type(event).__name__, event.step, flush=True)
            time.sleep(0.005)  # leaves the killer time to choose its moment

    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    settings = {"steps": STEPS, "checkpoint_every": 1, "grad_accum_steps": 2, "evaluate_every": 10}
    trainer = tiny_trainer(folder, on_event=say, **settings)
    trainer.resume()
    trainer.run()


def start(folder: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}  # where tiny_training lies
    command = [sys.executable, __file__, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def train_and_kill(folder: Path, moments: random.Random) -> None:
    """Start the run, and kill it some time after some line of its output. On Windows `kill` ends it as hard."""
    with start(folder) as process:
        for _ in range(moments.randint(1, 2 * STEPS // 3)):
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.03))  # a step and a checkpoint take about that long
        process.kill()


def files(folder: Path) -> dict[str, bytes]:
    newest = list_checkpoints(folder)[-1]
    return {path.name: path.read_bytes() for path in newest.iterdir()}


@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_a_killed_and_resumed_run_is_bit_equal_to_an_unbroken_one(tmp_path, kills):
    seed = random.SystemRandom().randrange(10**9)
    print("moments of the kills come from seed", seed)
    moments = random.Random(seed)
    for _ in range(kills):
        train_and_kill(tmp_path / "killed", moments)
    for run in ("killed", "unbroken"):  # each in a process of its own: other tests leave thread counts and the like
        with start(tmp_path / run) as process:
            process.communicate(timeout=300)
        assert process.returncode == 0
    killed, unbroken = files(tmp_path / "killed"), files(tmp_path / "unbroken")
    assert killed.keys() == unbroken.keys()
    for name in killed:  # model, optimizer, random state, place in the data, metrics: every byte
        assert killed[name] == unbroken[name], name


if __name__ == "__main__":
    train(Path(sys.argv[1]))
