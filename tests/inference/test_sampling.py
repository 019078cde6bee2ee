"""Filters and the draw, beside transformers' and beside loops that are obviously right."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from storyteller.errors import StorytellerError
from storyteller.inference.sampling import (
    apply_filters,
    apply_temperature,
    filters_for,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical_p,
    penalize_repetition,
    probabilities,
    row_seed,
    sample_inverse_cdf,
    uniform_draws,
)
from storyteller.inference.sampling_options import Sampling

processors = pytest.importorskip("transformers.generation.logits_process")


@pytest.fixture
def logits() -> torch.Tensor:
    return 3 * torch.randn(64, 50, generator=torch.Generator().manual_seed(8))


@pytest.mark.parametrize("temperature", [0.1, 0.8, 1.0, 2.5])
def test_temperature_is_that_of_transformers(logits, temperature):
    assert torch.equal(
        apply_temperature(logits, temperature), processors.TemperatureLogitsWarper(temperature)(None, logits)
    )


@pytest.mark.parametrize("top_k", [1, 2, 7, 50, 1000])
def test_top_k_is_that_of_transformers(logits, top_k):
    assert torch.equal(keep_top_k(logits, top_k), processors.TopKLogitsWarper(top_k)(None, logits))
    ties = logits.round()
    assert torch.equal(keep_top_k(ties, top_k), processors.TopKLogitsWarper(top_k)(None, ties))


@pytest.mark.parametrize("top_p", [1e-6, 0.1, 0.5, 0.9, 0.999])
def test_top_p_is_that_of_transformers(logits, top_p):
    assert torch.equal(keep_top_p(logits, top_p), processors.TopPLogitsWarper(top_p)(None, logits))


@pytest.mark.parametrize("min_p", [0.001, 0.05, 0.3, 0.9])
def test_min_p_is_that_of_transformers(logits, min_p):
    assert torch.equal(keep_min_p(logits, min_p), processors.MinPLogitsWarper(min_p)(None, logits))


@pytest.mark.parametrize("typical_p", [1e-6, 0.1, 0.5, 0.9, 0.999])
def test_typical_p_is_that_of_transformers(logits, typical_p):
    theirs = processors.TypicalLogitsWarper(typical_p)
    assert torch.equal(keep_typical_p(logits, typical_p), theirs(None, logits))
    ties = logits.round()
    assert torch.equal(keep_typical_p(ties, typical_p), theirs(None, ties))
    some_removed = keep_top_k(logits, 9)
    assert torch.equal(keep_typical_p(some_removed, typical_p), theirs(None, some_removed))


@pytest.mark.parametrize("typical_p", [0.2, 0.5, 0.9])
def test_typical_p_takes_tokens_by_the_distance_of_their_surprise_from_the_entropy(logits, typical_p):
    for row, keep in zip(logits.double(), keep_typical_p(logits.double(), typical_p).isfinite(), strict=True):
        probs = row.softmax(-1).tolist()
        entropy = -sum(p * math.log(p) for p in probs)
        order = sorted(range(len(probs)), key=lambda token: abs(-math.log(probs[token]) - entropy))
        expected, mass = set(), 0.0
        for token in order:
            if mass >= typical_p:
                break
            expected.add(token)
            mass += probs[token]
        assert set(keep.nonzero().flatten().tolist()) == expected


def test_typical_p_can_remove_the_likeliest_token_where_the_model_is_undecided():
    probs = torch.tensor([[0.3] + [0.07] * 10])
    kept = keep_typical_p(probs.log(), 0.5).isfinite()
    assert kept.tolist() == [[False] + [True] * 10]  # ties with the last token that is kept stay


@pytest.mark.parametrize("penalty", [0.7, 1.2, 3.0])
def test_repetition_penalty_is_that_of_transformers(logits, penalty):
    ids = torch.randint(50, (64, 20), generator=torch.Generator().manual_seed(1))
    seen = torch.zeros(64, 50, dtype=torch.bool).scatter_(1, ids, True)
    expected = processors.RepetitionPenaltyLogitsProcessor(penalty)(ids, logits.clone())
    assert torch.equal(penalize_repetition(logits, seen, penalty), expected)


def test_all_filters_together_come_in_the_order_of_transformers(logits):
    transformers = pytest.importorskip("transformers")
    settings = {"temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.05}
    settings |= {"typical_p": 0.7, "repetition_penalty": 1.3}
    ids = torch.randint(50, (64, 20), generator=torch.Generator().manual_seed(1))
    seen = torch.zeros(64, 50, dtype=torch.bool).scatter_(1, ids, True)
    config = transformers.MistralConfig(
        vocab_size=50,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    peer = transformers.MistralForCausalLM(config)
    generation = transformers.GenerationConfig(do_sample=True, **settings)
    theirs = peer._get_logits_processor(generation, input_ids_seq_length=20)
    assert torch.equal(apply_filters(logits, filters_for(Sampling(**settings)), seen=seen), theirs(ids, logits.clone()))


@pytest.mark.parametrize("spread", [0.1, 1, 10])
def test_top_p_of_a_large_vocabulary_is_that_of_transformers(spread):
    """Few tokens reach top_p, or many, or few in one row and many in the other."""
    flat_and_peaked = torch.tensor([[0.1], [10.0]])
    normal = torch.randn(2, 1000, generator=torch.Generator().manual_seed(3))
    for logits in (spread * normal, flat_and_peaked * normal):
        assert torch.equal(keep_top_p(logits, 0.9), processors.TopPLogitsWarper(0.9)(None, logits))


@pytest.mark.parametrize("top_p", [0.3, 0.7, 0.95])
def test_top_p_keeps_the_smallest_set_that_reaches_it(logits, top_p):
    probs = logits.softmax(-1)
    kept = keep_top_p(logits, top_p).isfinite()
    for row, keep in zip(probs.double(), kept, strict=True):
        chosen = row[keep]
        assert chosen.sum() >= top_p - 1e-6
        assert chosen.sum() - chosen.min() < top_p + 1e-6
        assert keep.all() or chosen.min() >= row[~keep].max()


def test_the_likeliest_token_survives_every_filter(logits):
    harsh = Sampling(temperature=0.01, top_k=1, top_p=1e-9, min_p=0.999)
    probs = probabilities(logits, filters_for(harsh))
    assert torch.equal(probs.argmax(-1), logits.argmax(-1))
    assert torch.equal(probs.amax(-1), torch.ones(64))


def test_settings_that_change_nothing_add_no_filter():
    assert filters_for(Sampling()) == []
    assert filters_for(Sampling(top_p=1.0, min_p=0.0, typical_p=1.0)) == []


def test_greedy_leaves_out_what_cannot_change_the_likeliest_token():
    greedy = Sampling(greedy=True, temperature=0.5, top_k=3, top_p=0.5, min_p=0.1, typical_p=0.5)
    assert filters_for(greedy) == []


def test_filters_do_not_change_their_input(logits):
    before = logits.clone()
    seen = torch.ones_like(logits, dtype=torch.bool)
    everything = Sampling(temperature=0.7, top_k=9, top_p=0.8, min_p=0.05, typical_p=0.7, repetition_penalty=1.3)
    apply_filters(logits, filters_for(everything), seen=seen)
    assert torch.equal(logits, before)


def test_probabilities_sum_to_one_and_the_removed_have_none(logits):
    probs = probabilities(logits, filters_for(Sampling(top_k=5)))
    torch.testing.assert_close(probs.sum(-1), torch.ones(64))
    assert ((probs > 0).sum(-1) == 5).all()


def slow_pick(probs: list[float], uniform: float) -> int:
    """Walk along the line of probabilities until the point is passed."""
    end = 0.0
    for token, share in enumerate(probs):
        end += share
        if uniform < end:
            return token
    raise AssertionError("the point lies beyond the last token")


def test_pick_is_a_walk_along_the_cumulative_distribution(logits):
    probs = logits.double().softmax(-1)
    uniform = torch.rand(64, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    expected = [slow_pick(row, u) for row, u in zip(probs.tolist(), uniform.tolist(), strict=True)]
    assert sample_inverse_cdf(probs, uniform).tolist() == expected


@given(
    weights=st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1.0)), min_size=1, max_size=40).filter(any),
    uniform=st.one_of(st.just(0.0), st.just(1 - 2**-24), st.floats(0, 1, exclude_max=True, width=32)),
)
def test_a_token_without_probability_is_never_picked(weights, uniform):
    probs = torch.tensor([weights]) / sum(weights)
    assert probs[0, sample_inverse_cdf(probs, torch.tensor([uniform]))] > 0


def test_each_row_draws_what_it_would_draw_alone():
    together = uniform_draws(4, 30, seed=9)
    for row in range(4):
        assert torch.equal(together[row], uniform_draws(1, 30, seed=row_seed(9, row))[0])
        assert torch.equal(together[row], uniform_draws(1, 30, seed=9, first_row=row)[0])


def test_no_row_of_any_seed_is_a_row_of_another():
    # Seed + row would make 59 different ones of these 2,000.
    rows = torch.cat([uniform_draws(40, 3, seed=seed) for seed in range(50)])
    assert len(torch.unique(rows, dim=0)) == 2_000
    seeds = {row_seed(seed, row) for seed in range(50) for row in range(40)}
    assert len(seeds) == 2_000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_more_steps_begin_with_the_same_numbers():
    assert torch.equal(uniform_draws(2, 500, seed=1)[:, :7], uniform_draws(2, 7, seed=1))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("temperature", -0.5),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", -1.0),
        ("top_p", float("nan")),
        ("top_k", 0),
        ("top_k", -3),
        ("typical_p", 0.0),
        ("typical_p", 1.1),
        ("min_p", 1.0),
        ("min_p", -0.1),
        ("repetition_penalty", 0.0),
        ("max_new_tokens", 0),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_wanted(setting, value):
    with pytest.raises(StorytellerError, match=f"^{setting} is {value}; it must be"):
        Sampling(**{setting: value})


def test_temperature_zero_points_to_greedy():
    with pytest.raises(StorytellerError, match="--greedy"):
        Sampling(temperature=0)
