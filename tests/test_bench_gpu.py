"""`make bench-gpu`: what it says without a GPU, and on a CPU that its models make the steps it times."""

import os
import subprocess
import sys

import pytest
import torch

from bench.gpu import run
from repository import ROOT
from storyteller.config import Preset
from storyteller.training.compilation import why_not
from tiny_training import tiny_model_config, tiny_train_config


@pytest.mark.slow
def test_without_a_gpu_it_says_so_in_one_sentence():
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "bench.gpu"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "There is no CUDA GPU on this machine, so nothing was measured: run this on one.\n"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*(script_method|.grad attribute):Warning")  # of PyTorch's own, while it compiles
def test_every_model_makes_its_steps():
    pytest.importorskip("transformers")
    one = Preset(name="toy", about="", model=tiny_model_config(), train=tiny_train_config(grad_accum_steps=2))
    rows = run(one, torch.device("cpu"), rounds=1)
    compiled = ["ours, compiled"] if why_not("cpu") is None else []
    assert [row.what for row in rows] == ["ours", "ours, dense", "transformers", *compiled]
    assert all(row.figures["tokens/s"] > 0 for row in rows)
    assert rows[0].goal == ">= 1.5x transformers"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
def test_memory_and_mfu_are_measured_on_a_gpu():
    one = Preset(name="toy", about="", model=tiny_model_config(d_model=64), train=tiny_train_config())
    rows = run(one, torch.device("cuda"), rounds=1)
    assert all(row.figures["peak memory, GB"] > 0 for row in rows)
