"""Compiled blocks compute what they compute without, are compiled a few times, and leave everything else as it is."""

import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch._dynamo.utils

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller.inference.generate import generate
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.dispatch import dispatch_grouped
from storyteller.moe.layer import build_model
from storyteller.runs.pipeline import possible_executions
from storyteller.training import compilation
from storyteller.training.batches import InMemoryTokens, TrainingBatches
from storyteller.training.compilation import compiles, use_compiled_blocks, why_not
from storyteller.training.events import Message, StepDone
from storyteller.training.losses import evaluate
from storyteller.training.trainer import Trainer
from tiny_training import VOCABULARY, tiny_model_config, tiny_train_config, tiny_trainer

# PyTorch's compiler warns itself, and looks at what becomes of it: errors in their place would end it.
pytestmark = pytest.mark.filterwarnings("ignore:.*(script_method|.grad attribute):Warning")
CPU = torch.device("cpu")
ALL_AT_ONCE = {"balance": "bias", "router": "sigmoid", "n_shared_experts": 1, "capacity_factor": 1.0}


@pytest.fixture
def compiler():
    """Skips where nothing can be compiled. A block that PyTorch gives up compiling fails the test."""
    if (missing := why_not("cpu")) is not None:
        pytest.skip(missing)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):
        yield


@pytest.fixture
def any_compiler(monkeypatch):
    """As if there were one: what only constructs a trainer compiles nothing."""
    monkeypatch.setattr(compilation, "why_not", lambda device_type: None)


def graphs() -> int:
    """How many were compiled since the test began."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def outcome(trainer: Trainer) -> tuple[list[tuple[float, float]], dict[str, torch.Tensor]]:
    """The losses and gradient norms of all steps, and the gradients of the last."""
    told: list[tuple[float, float]] = []
    trainer.subscribe(lambda e: told.append((e.loss, e.gradient_norm)) if isinstance(e, StepDone) else None)
    trainer.run()
    return told, {name: one.grad for name, one in trainer.model.named_parameters() if one.grad is not None}


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(
    ("model", "train"),
    [
        ({"n_experts": 0, "tie_embeddings": False}, {}),
        ({}, {}),
        ({}, {"gradient_checkpointing": True, "grad_accum_steps": 2, "balance_scope": "global"}),
        (ALL_AT_ONCE, {}),
    ],
    ids=["dense", "experts", "recomputed and accumulated", "all at once"],
)
def test_twenty_steps_have_the_losses_and_gradients_of_a_run_that_is_not_compiled(model, train):
    runs = [tiny_trainer(model=model, steps=20, compile=wanted, **train) for wanted in ("off", "on")]
    (losses, gradients), (compiled_losses, compiled_gradients) = map(outcome, runs)
    assert graphs() > 0
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-4)
    assert compiled_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(compiled_gradients[name], gradient, rtol=1e-3, atol=1e-5)
    assert runs[1].state_dict().weights.keys() == runs[0].state_dict().weights.keys()


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
@pytest.mark.skipif(not hasattr(torch.nn.functional, "grouped_mm"), reason="this PyTorch has none")
def test_grouped_products_in_bfloat16_are_one_graph_with_their_block():
    results = []
    for wanted in ("off", "on"):
        config = tiny_train_config(compile=wanted, dtype="bfloat16")
        model = build_model(tiny_model_config(d_model=32, d_ff=16), seed=1)
        for block in model.blocks:
            block.feed_forward.dispatch = dispatch_grouped
        source = InMemoryTokens.pack([list(range(1, VOCABULARY))] * 4, end_id=0)
        results.append(outcome(Trainer(model, config, TrainingBatches(source, batch_size=2, seq_len=8, seed=1))))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=0.01)
    assert graphs() == 1


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("n_layers", [1, 9])
def test_all_layers_and_all_lengths_share_a_few_graphs(n_layers):
    random, lengths = np.random.default_rng(3), set()
    documents = [random.integers(1, VOCABULARY, size=n).tolist() for n in random.integers(1, 250, size=100)]
    trainer = Trainer(
        build_model(tiny_model_config(max_seq_len=256, n_layers=n_layers), seed=1),
        tiny_train_config(steps=25, compile="on", align_documents=True),
        TrainingBatches(
            InMemoryTokens.pack(documents, end_id=0), batch_size=2, seq_len=256, seed=1, align_documents=True
        ),
    )
    trainer.model.register_forward_pre_hook(lambda module, given: lengths.add(given[0].size(1)))
    trainer.run()
    assert len(lengths) > 3
    # A block has four parts around its experts. Each is compiled for the first length, then for all; attention, whose
    # mask may be missing, with and without one.
    assert 4 <= graphs() <= 12


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
def test_a_compiled_run_goes_on_to_the_same_bits_and_also_without_a_compiler(tmp_path):
    whole = tiny_trainer(tmp_path / "whole", steps=4, compile="on")
    whole.run()
    for folder, first, then in (("same", "on", "on"), ("less", "on", "off"), ("more", "off", "on")):
        stopped = tiny_trainer(tmp_path / folder, steps=4, compile=first)
        stopped.model.train()
        for _ in range(2):
            stopped.train_step()
        stopped.save()
        said: list[str] = []
        resumed = tiny_trainer(tmp_path / folder, steps=4, compile=then)
        resumed.subscribe(lambda e, said=said: said.append(e.text) if isinstance(e, Message) else None)
        assert resumed.resume()
        resumed.run()
        goes_on_otherwise = [f"The run began with compile {first}; it goes on with {then}."]
        assert said == ([] if first == then else goes_on_otherwise)
        for name, weight in whole.model.state_dict().items():
            close = {"rtol": 0, "atol": 0} if first == then == "on" else {"rtol": 1e-3, "atol": 1e-5}
            torch.testing.assert_close(resumed.model.state_dict()[name], weight, **close)


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
def test_evaluation_generation_copies_and_other_trainers_are_not_compiled():
    trainer = tiny_trainer(steps=2, compile="on", validation=())
    trainer.run()
    compiled, model = graphs(), trainer.model.eval()
    batch = next(trainer.batches)
    plain = build_model(model.config, seed=2).eval()
    plain.load_state_dict(model.state_dict())
    assert evaluate(model, [batch]) == evaluate(plain, [batch])
    sampling = Sampling(greedy=True, max_new_tokens=6)
    assert generate(model, [[1, 2], [3]], sampling=sampling) == generate(plain, [[1, 2], [3]], sampling=sampling)
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied.embedding.weight.mul_(2)
        assert not torch.equal(copied(batch.inputs).logits, model(batch.inputs).logits)
    Trainer(model, tiny_train_config(steps=2, compile="off"), trainer.batches).run()
    assert model.compiled_block is None
    assert graphs() == compiled


def test_auto_is_off_without_a_cuda_device_and_asks_for_no_compiler(monkeypatch):
    def asked(device_type: str) -> str:
        raise AssertionError(device_type)

    monkeypatch.setattr(compilation, "why_not", asked)
    for device in ("cpu", "mps"):
        assert not compiles("auto", torch.device(device))
    assert not compiles("off", torch.device("cuda"))
    assert tiny_trainer().model.compiled_block is None


@pytest.mark.parametrize(("missing", "compiled"), [(None, True), ("TritonMissing", False)])
def test_auto_is_on_where_a_cuda_device_has_a_compiler(monkeypatch, missing, compiled):
    monkeypatch.setattr(compilation, "why_not", lambda device_type: missing)
    assert compiles("auto", torch.device("cuda")) is compiled


def test_on_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setattr(compilation, "why_not", lambda device_type: "there is none")
    with pytest.raises(StorytellerError, match=r"\(there is none\): install a C\+\+ compiler, or .* --compile off\."):
        tiny_trainer(compile="on")
    with pytest.raises(StorytellerError, match=r"'cuda'.*install Triton and a C compiler"):
        compiles("on", torch.device("cuda"))


def test_of_an_error_while_compiling_the_reason_is_said_and_not_who_met_it(monkeypatch):
    class BackendCompilerFailed(RuntimeError):  # as PyTorch raises it where a part of its cache is there
        inner_exception = RuntimeError("No working C++ compiler found.")

    def fail(function):
        raise BackendCompilerFailed("backend='inductor' raised:\nRuntimeError: No working C++ compiler found.")

    monkeypatch.setattr(torch, "compile", fail)
    assert why_not.__wrapped__("cpu") == "No working C++ compiler found"


@pytest.mark.slow
def test_a_run_without_a_compiler_ends_with_one_sentence_before_it_begins(tmp_path):
    command = [sys.executable, "-m", "storyteller", "train", "tiny", "--steps", "2", "--compile", "on"]
    out = tmp_path / "run"
    environment = os.environ | {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    environment |= {"CXX": str(tmp_path / "no-compiler")}
    done = subprocess.run(
        [*command, "--out", str(out)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    assert done.stderr.startswith("storyteller: Blocks cannot be compiled for the device 'cpu' here (")
    assert done.stderr.endswith("): install a C++ compiler, or train with --compile off.\n")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.usefixtures("any_compiler")
def test_compiled_blocks_make_one_pass_at_a_time():
    with pytest.raises(StorytellerError, match="2 passes at once were asked for, and compiled blocks make one"):
        tiny_trainer(compile="on", grad_accum_steps=2, parallel_microbatches=2)
    for execution in possible_executions(tiny_train_config(compile="on", grad_accum_steps=4), CPU):
        assert execution.parallel_microbatches == 1
        assert execution.threads == torch.get_num_threads()


@pytest.mark.usefixtures("any_compiler")
def test_a_dispatch_is_wrapped_once_and_keeps_the_layers_own():
    model = build_model(tiny_model_config(), dispatch=dispatch_grouped)
    for compiled in (True, True, False, True):
        use_compiled_blocks(model, compiled)
        assert (model.compiled_block is not None) is compiled
    assert [block.feed_forward.dispatch.dispatch for block in model.blocks] == [dispatch_grouped] * 2
