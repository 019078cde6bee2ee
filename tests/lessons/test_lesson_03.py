"""Lesson 03 against `transformers`, a counter of FLOPs and slow loops; the course's parts against the answers."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from repository import ROOT
from storyteller.config import preset
from storyteller.export.mixtral_weights import as_transformers
from storyteller.figures.routing import balance_picture, dispatch_step
from storyteller.moe import layer
from storyteller.moe.dispatch import Experts, dispatch_sorted
from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.moe.router import route_top_k
from storyteller.moe.statistics import router_statistics
from storyteller.transformer.decoder import Decoder
from storyteller_course import load_lesson
from storyteller_course.lesson_tools import building_moe as tools

LESSON = load_lesson(ROOT / "lessons" / "03_building_moe")
reference = LESSON.reference
TINY = replace(preset("tiny").model, vocab_size=64, d_model=32, d_ff=16)

shapes = st.tuples(st.integers(1, 9), st.integers(2, 6)).flatmap(
    lambda shape: st.tuples(st.just(shape[0]), st.just(shape[1]), st.integers(1, shape[1]), st.integers(0, 999))
)


def layer_of(n_tokens, n_experts, k, seed, width=3):
    """Tokens, weights, experts and the experts' weights, by chance."""
    dice = torch.Generator().manual_seed(seed)
    x = torch.randn(n_tokens, width, generator=dice, dtype=torch.float64)
    logits = torch.randn(n_tokens, n_experts, generator=dice, dtype=torch.float64)
    weights, experts = route_top_k(logits, k)
    run = Experts(
        torch.randn(n_experts, 4, width, generator=dice, dtype=torch.float64),
        torch.randn(n_experts, width, 2, generator=dice, dtype=torch.float64),
    )
    return x, logits, weights, experts, run


# --- the answers against independent implementations ----------------------------------------------------------------


@torch.no_grad()
def test_the_layer_gives_the_logits_of_mixtral():
    ids = torch.randint(0, TINY.vocab_size, (2, 17), generator=torch.Generator().manual_seed(3))
    mine = Decoder(TINY, seed=5, feed_forward=reference.MoELayer)
    theirs = as_transformers(mine.eval())
    torch.testing.assert_close(mine(ids).logits, theirs(ids).logits, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_router_and_dispatch_run_in_the_real_model():
    ids = torch.randint(0, TINY.vocab_size, (2, 9), generator=torch.Generator().manual_seed(4))
    wanted = layer.build_model(TINY, seed=2)(ids)
    for dispatch in (reference.dispatch_naive, reference.dispatch_sorted):
        got = layer.build_model(TINY, seed=2, route=reference.route_top_k, dispatch=dispatch)(ids)
        torch.testing.assert_close(got.logits, wanted.logits, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(shapes, st.booleans())
def test_both_dispatches_equal_the_librarys(shape, drop):
    x, _, weights, experts, run = layer_of(*shape)
    if drop:
        experts[0] = len(run)
    wanted = dispatch_sorted(x, weights, experts, run)
    torch.testing.assert_close(reference.dispatch_naive(x, weights, experts, run), wanted)
    torch.testing.assert_close(reference.dispatch_sorted(x, weights, experts, run), wanted)
    torch.testing.assert_close(LESSON.stand_in("dispatch_naive")(x, weights, experts, run), wanted)


@settings(max_examples=40, deadline=None)
@given(shapes)
def test_the_router_renormalises_probabilities(shape):
    _, logits, _, _, _ = layer_of(*shape)
    weights, experts = reference.route_top_k(logits, shape[2])
    probs = logits.softmax(-1).gather(1, experts)
    torch.testing.assert_close(weights, probs / probs.sum(-1, keepdim=True))
    torch.testing.assert_close(logits.gather(1, experts), logits.sort(descending=True).values[:, : shape[2]])


def test_the_flops_are_those_that_pytorch_counts():
    """With a naive attention over a full context, so that every product is an ordinary one."""

    def attend(q, k, v, *, mask=None, causal=False):
        scores = (q @ k.transpose(-2, -1)).masked_fill(~torch.ones(q.size(2), k.size(2)).tril().bool(), -math.inf)
        return scores.softmax(-1) @ v

    n_tokens = 24
    config = replace(TINY, max_seq_len=n_tokens)
    # The counter does not know grouped products, so each expert is called on its own.
    model = layer.build_model(config, attend=attend, dispatch=dispatch_sorted)
    with FlopCounterMode(display=False) as counter:
        model(torch.randint(0, config.vocab_size, (1, n_tokens)))
    names = ("vocab_size", "d_model", "n_layers", "n_heads", "d_ff", "n_experts", "top_k")
    shape = {name: getattr(config, name) for name in names}
    for costs in (reference.moe_costs, LESSON.stand_in("moe_costs")):
        total, active, flops = costs(**shape, context=n_tokens)
        assert flops * n_tokens == counter.get_total_flops()
        assert total == sum(one.numel() for one in model.parameters())
        idle = (config.n_experts - config.top_k) * 3 * config.d_model * config.d_ff * config.n_layers
        assert active == total - idle


# --- the course's parts equal the answers ---------------------------------------------------------------------------


def test_every_exercise_has_a_part():
    assert [name for name in LESSON.exercises if LESSON.stand_in(name) is None] == ["recall"]


@settings(max_examples=30, deadline=None)
@given(shapes, st.booleans())
def test_losses_and_statistics_equal_the_librarys(shape, padded):
    _, logits, _, experts, _ = layer_of(*shape)
    probs = logits.softmax(-1)
    mask = torch.arange(len(logits))[None] < max(1, len(logits) - 1) if padded else None
    ours = SimpleNamespace(**{name: LESSON.stand_in(name) for name in LESSON.exercises})
    for source in (reference, ours):
        torch.testing.assert_close(
            source.load_balancing_loss(probs, experts, attention_mask=mask),
            load_balancing_loss(probs, experts, attention_mask=mask),
        )
        torch.testing.assert_close(
            source.router_z_loss(logits, attention_mask=mask), router_z_loss(logits, attention_mask=mask)
        )
        for name, value in source.router_statistics(probs, experts).items():
            wanted = router_statistics(probs, experts)[name]
            torch.testing.assert_close(torch.as_tensor(value).double(), torch.as_tensor(wanted).double())
    both = torch.stack([logits, -logits])
    total = sum(
        reference.load_balancing_loss(one.softmax(-1), one.topk(shape[2]).indices, attention_mask=mask) for one in both
    )
    torch.testing.assert_close(LESSON.stand_in("balance_of_layers")(both, shape[2], attention_mask=mask), total)


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=1, max_size=12), st.integers(0, 5))
def test_places_are_given_as_in_the_library(rows, capacity):
    experts = torch.tensor(rows)
    got = reference.within_capacity(experts, n_experts=4, capacity=capacity)
    assert got.equal(LESSON.stand_in("within_capacity")(experts, n_experts=4, capacity=capacity))
    for e in range(4):
        assert int(got[experts == e].sum()) == min(capacity, int((experts == e).sum()))


def test_the_layer_of_the_course_equals_the_answer():
    mine, theirs = reference.MoELayer(TINY), LESSON.stand_in("MoELayer")(TINY)
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 7, TINY.d_model)
    for got, wanted in zip((mine(x)[0], *mine(x)[1]), (theirs(x)[0], *theirs(x)[1]), strict=True):
        torch.testing.assert_close(got, wanted)


def test_expert_choice_fills_every_expert_with_the_tokens_that_fit_best():
    logits = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
    weights, tokens = tools.route_expert_choice(logits, capacity=4)
    probs = logits.softmax(-1)
    for e in range(3):
        assert sorted(tokens[e].tolist()) == sorted(probs[:, e].argsort(descending=True)[:4].tolist())
        torch.testing.assert_close(weights[e], probs[tokens[e], e])


@settings(max_examples=30, deadline=None)
@given(shapes)
def test_routing_with_a_bias_equals_the_librarys(shape):
    _, logits, _, experts, _ = layer_of(*shape)
    scores, k = logits.sigmoid(), shape[2]
    bias = torch.randn(shape[1], generator=torch.Generator().manual_seed(shape[3]), dtype=torch.float64)
    got, wanted = reference.route_with_bias(scores, bias, k), LESSON.stand_in("route_with_bias")(scores, bias, k)
    for mine, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(mine, theirs)
    counts = torch.bincount(experts.flatten(), minlength=shape[1])
    moved = [part(bias, counts, rate=0.1) for part in (reference.update_bias, LESSON.stand_in("update_bias"))]
    torch.testing.assert_close(*moved)


# --- what the text of the lesson claims -----------------------------------------------------------------------------


def test_the_course_model_has_506_million_parameters_of_which_166_are_active():
    full = preset("full").model
    names = ("vocab_size", "d_model", "n_layers", "n_heads", "d_ff", "n_experts", "top_k")
    total, active, _ = LESSON.stand_in("moe_costs")(
        **{name: getattr(full, name) for name in names}, context=full.max_seq_len
    )
    assert (round(total / 1e6), round(active / 1e6)) == (506, 166)


def test_the_pictures_say_what_the_dispatch_does():
    page = dispatch_step(["Once", "a"], [[1, 0], [0, 1]], 5)
    assert "order = [1, 2, 0, 3]" in page  # choices 1 and 2 went to expert 0
    assert "sizes = [2, 2]" in page
    assert "order // 2 = [0, 1, 0, 1]" in page
    assert "<script" not in dispatch_step(["<script>", "a"], [[1, 0], [0, 1]], 5)
    assert "5 ·" not in dispatch_step(["Once", "a"], [[1, 0], [0, 1]], 4)
    assert "1.800" in balance_picture([1, 0], [0.9, 0.1], [2, 0], 1.8)


@pytest.mark.parametrize("name", ["combine", "balance_of_layers"])
def test_what_is_given_in_a_bug_hunt_earns_nothing(name):
    from storyteller_course.notebook.use import check_quietly

    given_code = LESSON.given_code(name)
    result = check_quietly(LESSON, name, LESSON.namespace(given_code))
    earned = [case.title for case in result.cases if case.passed and case.points]
    assert earned == []
