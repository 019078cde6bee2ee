"""Under bfloat16, divided weights are brought together in 16 bits; what has to be exact is not."""

import json
import os
import sys

import pytest
from worker_of_precision import new_trainer, outcome

from repository import ROOT
from storyteller.distributed.launch import launch


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started on Linux and macOS alone")
@pytest.mark.parametrize("checkpointing", [False, True])
def test_matrices_travel_in_16_bits_and_the_losses_are_those_of_one_process(tmp_path, monkeypatch, checkpointing):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "tests"), str(ROOT / "tests" / "distributed"))))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    fields, file = {"gradient_checkpointing": checkpointing}, tmp_path / "outcome.json"
    script = ROOT / "tests" / "distributed" / "worker_of_precision.py"
    launch(2, [sys.executable, str(script), str(file), json.dumps(fields)], notice=print)
    found, alone = json.loads(file.read_text(encoding="utf-8")), outcome(new_trainer(**fields))
    short, exact = "torch.bfloat16", "torch.float32"
    assert found["seen"] == {"attention": short, "router": exact, "norm": exact, "embedding": exact}
    assert found["kept"] == [exact]  # what AdamW changes
    assert set(alone["seen"].values()) == {exact}
    differences = [abs(one - other) for one, other in zip(found["losses"], alone["losses"], strict=True)]
    print(f"largest difference of a loss: {max(differences):.1e}")
    assert max(differences) < 0.01
    assert alone["losses"][-1] < alone["losses"][0] - 0.05
