"""`storyteller train --processes`, as a user meets it: what it prints, Ctrl-C, and what goes on with the run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repository import ROOT
from storyteller.runs.load import load_model
from storyteller.training.checkpoint import list_checkpoints

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started on Linux and macOS alone")
SETTINGS = ("--stories", "150", "--corpus", "storyworld-tales-small", "--dtype", "float32")


def start(folder: Path, *options: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    train = ("-m", "storyteller", "train", "tiny", "--out", str(folder), *SETTINGS, *options)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, *launcher, *train],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )


@pytest.mark.slow
def test_a_run_is_stopped_on_two_processes_and_goes_on_in_one(tmp_path):
    folder = tmp_path / "run"
    with start(folder, "--steps", "350", "--processes", "2", "--shard", "2") as process:
        begun = time.monotonic()
        while not (folder / "step-000250").exists() and process.poll() is None and time.monotonic() - begun < 300:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=600)
    assert process.returncode == 2
    assert printed.count("Learning a vocabulary") == 1
    assert said.startswith("storyteller: stopped at step ")
    assert said.count("\n") == 1
    stopped = int(list_checkpoints(folder)[-1].name.removeprefix("step-"))
    assert f"step {stopped};" in said
    load_model(folder)  # of divided weights
    with start(folder, "--steps", "350") as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert list_checkpoints(folder)[-1].name == "step-000350"


@pytest.mark.slow
def test_torchrun_starts_the_same_run(tmp_path):
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    with start(tmp_path / "run", "--steps", "3", launcher=launcher) as process:
        printed, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert "step 3: validation loss" in printed
    assert printed.count("validation loss") == 1
    load_model(tmp_path / "run")


@pytest.mark.slow
def test_what_the_user_can_mend_is_said_once(tmp_path):
    (tmp_path / "run").write_text("no folder", encoding="utf-8")
    with start(tmp_path / "run", "--steps", "3", "--processes", "2") as process:
        _, said = process.communicate(timeout=600)
    assert process.returncode == 2
    assert said.startswith("storyteller: ")
    assert said.count("\n") == 1
