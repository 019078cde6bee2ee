"""A checkpoint whose weights are divided among several files, exported with all of them in memory once."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from exported import CONFIG, make_run
from storyteller.export import export_run
from storyteller.export.mixtral_weights import names_on_disk
from storyteller.moe.layer import build_model
from storyteller.training import checkpoint as ckpt


def divide(run, parts=2):
    """The run's checkpoint as so many processes would have written it."""
    (path,) = ckpt.list_checkpoints(run)
    whole = ckpt.read_checkpoint(path)
    for name in (ckpt.WEIGHTS, ckpt.STATE):
        (path / name).unlink()
    files = {}
    for number in range(parts):
        own, places = {}, {}
        for name, tensor in whole.weights.items():
            if number < len(pieces := tensor.chunk(parts)):
                own[name] = pieces[number].clone()
                begin = sum(len(piece) for piece in pieces[:number])
                places[name] = {ckpt.OFFSETS: [begin] + [0] * (tensor.dim() - 1)}
        file = f"shard-{number + 1:05d}-model-00001-of-00001.safetensors"
        save_file(own, path / file, metadata={ckpt.PLACES: json.dumps(places)})
        files[file] = ckpt.file_checksum(path / file)
    ckpt.write_settings(path, whole, files)
    return whole


def test_a_divided_checkpoint_is_exported_as_the_whole_one(tmp_path):
    run = make_run(tmp_path / "run")
    whole = divide(run)
    export_run(run, tmp_path / "hf")
    (tmp_path / "whole").mkdir()
    written = load_file(tmp_path / "hf" / "model.safetensors")
    model = build_model(replace(CONFIG, vocab_size=len(whole.weights["embedding.weight"])), seed=0)
    ckpt.restore_weights(model, whole.weights)
    wanted = names_on_disk(model.state_dict(), model.config)
    assert written.keys() == wanted.keys()
    assert all(torch.equal(written[name], wanted[name]) for name in wanted)


# Memory that is no file's: what is read from a checkpoint through a memory map counts only once it is copied.
MEASURED = """
import sys, threading, time
from pathlib import Path
from storyteller.export import export_run
import storyteller.export.hf, storyteller.runs.load, torch
def own():
    return int(open("/proc/self/status").read().split("RssAnon:")[1].split()[0])
torch.zeros(1000, 1000) @ torch.zeros(1000, 1000)
before, most = own(), [0]
def watch():
    while True:
        most[0] = max(most[0], own())
        time.sleep(0.002)
threading.Thread(target=watch, daemon=True).start()
export_run(Path(sys.argv[1]), Path(sys.argv[2]))
print(most[0] - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_all_weights_are_in_memory_once(tmp_path):
    config = replace(CONFIG, d_model=256, n_layers=8, d_ff=768, n_experts=8, init_std=0.02)
    run = make_run(tmp_path / "run", config)
    whole = divide(run)
    size = sum(tensor.numel() * tensor.element_size() for tensor in whole.weights.values()) / 1024
    largest = max(tensor.numel() * tensor.element_size() for tensor in whole.weights.values()) / 1024
    command = [sys.executable, "-c", MEASURED, str(run), str(tmp_path / "hf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used = int(done.stdout.split()[-1])
    print(f"{size / 1024:.0f} MB of weights, the largest {largest / 1024:.0f} MB: {used / 1024:.0f} MB of memory")
    assert used < size + 2 * largest + 40_000
    assert used > 0.9 * size
