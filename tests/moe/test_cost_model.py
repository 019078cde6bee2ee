"""The formulas against the real model, PyTorch's own FLOP counter and what a real step allocates."""

from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from storyteller.config import PRESETS, ModelConfig, preset
from storyteller.errors import StorytellerError
from storyteller.moe import cost_model
from storyteller.moe.dispatch import dispatch_sorted
from storyteller.moe.layer import build_model
from storyteller.transformer.attention import attend

TINY = preset("tiny").model


def real_parameters(config: ModelConfig) -> int:
    # Shapes without memory, and without drawing half a billion numbers.
    with torch.device("meta"), patch("storyteller.transformer.decoder.initialize"):
        return sum(parameter.numel() for parameter in build_model(config, seed=1).parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_the_formula_counts_every_parameter_of_a_preset(name):
    config = preset(name).model
    assert cost_model.count_parameters(config).total == real_parameters(config)


@settings(max_examples=30, deadline=None)
@given(
    heads=st.sampled_from([(1, 1), (4, 2), (6, 3), (4, 4)]),
    head_dim=st.sampled_from([2, 6, 8]),
    d_ff=st.integers(1, 40),
    n_experts=st.integers(0, 5),
    n_layers=st.integers(1, 3),
    positions=st.sampled_from(["rope", "learned"]),
    tied=st.booleans(),
)
def test_the_formula_counts_every_parameter_of_any_shape(heads, head_dim, d_ff, n_experts, n_layers, positions, tied):
    config = ModelConfig(
        vocab_size=37,
        max_seq_len=19,
        d_model=heads[0] * head_dim,
        n_layers=n_layers,
        n_heads=heads[0],
        n_kv_heads=heads[1],
        d_ff=d_ff,
        n_experts=n_experts,
        top_k=1,
        positions=positions,
        tie_embeddings=tied,
    )
    assert cost_model.count_parameters(config).total == real_parameters(config)


def test_active_parameters_leave_out_the_experts_that_a_token_is_not_routed_to():
    config = replace(TINY, n_experts=8, top_k=2)
    idle = 6 * config.n_layers * 3 * config.d_model * config.d_ff
    parameters = cost_model.count_parameters(config)
    assert parameters.total - parameters.active == idle
    dense = cost_model.count_parameters(replace(TINY, n_experts=0))
    assert dense.total == dense.active


def test_presets_have_the_sizes_that_their_descriptions_promise():
    totals = {name: cost_model.count_parameters(preset(name).model).total for name in PRESETS}
    assert totals["small"] == pytest.approx(15e6, rel=0.05)
    assert totals["base"] == pytest.approx(110e6, rel=0.05)
    assert round(totals["full"] / 1e6) == 506


def test_the_full_preset_is_the_one_that_the_course_announces():
    full = preset("full").model
    assert (full.d_model, full.n_layers, full.d_ff) == (768, 12, 2048)
    assert (full.n_experts, full.top_k) == (8, 2)
    assert (full.max_seq_len, full.vocab_size, full.tie_embeddings) == (2048, 32_000, True)


def plain_attention(q, k, v, *, mask=None, causal=False):
    """Two products over all T x T pairs, as PyTorch's counter sees them; the values are those of `attend`."""
    scores = q @ k.transpose(-1, -2) / q.size(-1) ** 0.5
    T = q.size(2)
    allowed = torch.ones(T, T, dtype=torch.bool).tril() if causal else mask
    return scores.masked_fill(~allowed, -torch.inf).softmax(dim=-1) @ v


@pytest.mark.parametrize("n_experts", [0, 8])
def test_flops_are_those_that_pytorch_counts(n_experts):
    config = replace(TINY, n_experts=n_experts)
    # The counter does not know grouped products, so each expert is called on its own.
    model = build_model(config, seed=1, attend=plain_attention, dispatch=dispatch_sorted)
    T = 64
    ids = torch.arange(T)[None]  # (1, T)
    with FlopCounterMode(display=False) as counter:
        logits = model(ids).logits
    # A counter sees whole T x T products, so every token is charged for T tokens of context, future ones included.
    wanted = T * cost_model.forward_flops(config, context=T)
    assert counter.get_total_flops() == wanted
    with counter:
        model(ids).logits.sum().backward()
    assert counter.get_total_flops() == pytest.approx(3 * wanted, rel=0.02)
    torch.testing.assert_close(logits, build_model(config, seed=1, attend=attend)(ids).logits)


def test_a_token_looks_at_half_of_the_context_on_average():
    T = TINY.max_seq_len
    by_position = [cost_model.forward_flops(TINY, context=position + 1) for position in range(T)]
    assert cost_model.forward_flops(TINY) == pytest.approx(sum(by_position) / T)


def test_checkpointing_costs_a_third_more_arithmetic_at_most():
    for chosen in PRESETS.values():
        plain = cost_model.training_flops(chosen.model)
        again = cost_model.training_flops(chosen.model, gradient_checkpointing=True)
        assert 1.0 < again / plain < 4 / 3


def allocated_at_peak(config: ModelConfig, ids: torch.Tensor, *, dtype: str, checkpointing: bool) -> int:
    """Bytes that one forward and backward pass allocate at most at any moment, beside the weights."""
    model = build_model(config, seed=1)
    model.checkpoint_blocks = checkpointing
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            logits = model(ids).logits
        cross_entropy(logits.float().flatten(0, 1), ids.flatten()).backward()
    held = peak = 0
    changes = (event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]")
    for change in sorted(changes, key=lambda event: event.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    return peak


@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("n_experts", [0, 8], ids=["dense", "moe"])
def test_training_memory_is_within_a_factor_of_one_and_a_half(n_experts, dtype, checkpointing):
    config = replace(TINY, n_experts=n_experts)
    B, T = 4, 256
    ids = torch.randint(config.vocab_size, (B, T), generator=torch.Generator().manual_seed(1))
    real = allocated_at_peak(config, ids, dtype=dtype, checkpointing=checkpointing)
    activations = cost_model.activation_bytes(
        config, batch_size=B, seq_len=T, dtype=dtype, gradient_checkpointing=checkpointing
    )
    gradients = 4 * cost_model.count_parameters(config).total
    assert 1 / 1.5 < (activations + gradients) / real < 1.5


def test_states_are_what_weights_gradients_and_adamw_hold():
    model = build_model(TINY, seed=1)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.arange(8)[None]).logits.sum().backward()
    optimizer.step()
    averages = [value for state in optimizer.state.values() for value in state.values() if value.dim()]
    held = sum(tensor.nbytes for tensor in [*model.parameters(), *averages])
    held += sum(parameter.grad.nbytes for parameter in model.parameters() if parameter.grad is not None)
    memory = cost_model.training_memory(TINY, preset("tiny").train)
    assert memory.weights + memory.gradients + memory.optimizer == held


def test_the_cache_is_as_large_as_the_real_one():
    cache = build_model(TINY, seed=1).new_cache(batch_size=3)
    held = sum(tensor.nbytes for tensor in [*cache.keys, *cache.values])
    assert cost_model.cache_bytes(TINY, batch_size=3) == held


def test_checkpointing_needs_less_memory():
    for chosen in PRESETS.values():
        plain = cost_model.training_memory(chosen.model, chosen.train)
        again = cost_model.training_memory(chosen.model, chosen.train, gradient_checkpointing=True)
        assert again.total < plain.total


def test_hours_are_tokens_times_flops_over_speed():
    chosen = preset("small")
    machine = cost_model.Machine(name="test", flops=1e12, dtype="float32")
    seconds = cost_model.training_tokens(chosen) * cost_model.training_flops(chosen.model) / 1e12
    assert cost_model.training_hours(chosen, machine) == pytest.approx(seconds / 3600)


@pytest.mark.parametrize("name", PRESETS)
def test_info_prints_the_figures(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    from storyteller.cli.info import info

    info(name)
    printed = capsys.readouterr().out
    parameters = cost_model.count_parameters(preset(name).model)
    assert f"{parameters.total:,}" in printed
    assert f"{parameters.active:,}" in printed
    for machine in cost_model.MACHINES:
        assert machine.name in printed
        assert f"{machine.flops / 1e12:g} TFLOP/s assumed" in printed


def test_info_refuses_an_unknown_preset():
    from storyteller.cli.info import info

    with pytest.raises(StorytellerError, match="no preset 'huge'; choose one of tiny, small, base, full"):
        info("huge")


def test_shared_experts_are_stored_once_and_always_active():
    config = replace(TINY, n_experts=3, top_k=1, n_shared_experts=2)
    parameters = cost_model.count_parameters(config)
    assert parameters.total == real_parameters(config)
    assert parameters.total - parameters.active == 2 * 3 * config.d_model * config.d_ff * config.n_layers
