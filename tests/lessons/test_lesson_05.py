"""Lesson 05's plain answers against `transformers` and the library; its parts inside the real sampler and model."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repository import ROOT
from storyteller.config import ModelConfig
from storyteller.corpus import load_stories
from storyteller.evaluation.text_metrics import distinct_n, repetition
from storyteller.figures.charts import chances
from storyteller.inference import generate, sampling
from storyteller.inference.sampling import filters_for, uniform_draws
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.transformer.decoder import Decoder
from storyteller_course import load_lesson
from storyteller_course.lesson_tools import full_training_and_inference as tools

LESSON = load_lesson(ROOT / "lessons" / "05_full_training_and_inference")
reference = LESSON.reference
FILTERS = ("apply_temperature", "keep_top_k", "keep_top_p", "keep_min_p", "penalize_repetition")
STOP = 0


def scores(seed: int, rows: int = 3, width: int = 40):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.fixture(scope="module")
def model():
    shape = {
        "vocab_size": 40,
        "max_seq_len": 24,
        "d_model": 16,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": 2,
        "d_ff": 16,
    }
    built = build_model(ModelConfig(**shape, n_experts=4), seed=3).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(3)  # logits far apart, so that rounding decides nothing
    return built


def test_every_exercise_has_a_part():
    asked = [name for name, one in LESSON.exercises.items() if not one.questions]
    assert [name for name in asked if LESSON.stand_in(name) is None] == []


# --- the filters against those of transformers -----------------------------------------------------------------------

PEERS = [
    ("apply_temperature", "TemperatureLogitsWarper", 0.7),
    ("apply_temperature", "TemperatureLogitsWarper", 2.5),
    ("keep_top_k", "TopKLogitsWarper", 5),
    ("keep_top_k", "TopKLogitsWarper", 100),
    ("keep_top_p", "TopPLogitsWarper", 0.8),
    ("keep_top_p", "TopPLogitsWarper", 0.05),
    ("keep_min_p", "MinPLogitsWarper", 0.1),
]


@pytest.mark.parametrize(("name", "peer", "value"), PEERS)
def test_each_filter_is_that_of_transformers(name, peer, value):
    processors = pytest.importorskip("transformers.generation.logits_process")
    for seed in range(20):
        logits = scores(seed)
        wanted = getattr(processors, peer)(value)(None, logits)
        for home in (reference, sampling):
            assert torch.allclose(getattr(home, name)(logits, value), wanted), (home, seed)


def test_the_penalty_is_that_of_transformers():
    processors = pytest.importorskip("transformers.generation.logits_process")
    for seed in range(20):
        logits = scores(seed)
        ids = torch.randint(40, (3, 9), generator=torch.Generator().manual_seed(seed))
        seen = torch.zeros(3, 40, dtype=torch.bool).scatter(1, ids, True)
        wanted = processors.RepetitionPenaltyLogitsProcessor(1.3)(ids, logits)
        for home in (reference, sampling):
            assert torch.allclose(home.penalize_repetition(logits, seen, 1.3), wanted)


def test_temperature_zero_is_greedy_also_inside_a_chain():
    logits = scores(1, rows=50)
    logits[7, [3, 9]] = 99.0
    cold = reference.apply_temperature(logits, 0)
    nothing = torch.zeros(50, 40, dtype=torch.bool)
    filters_behind = [lambda one, _: reference.keep_top_p(one, 0.5), lambda one, _: reference.keep_top_k(one, 3)]
    drawn = reference.choose(cold, nothing, filters_behind, torch.rand(50, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(drawn, logits.argmax(-1))
    assert drawn[7] == 3


# --- the draw and the loop against the library ------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_the_draw_is_the_librarys_pick(seed):
    logits = reference.keep_top_k(scores(seed, rows=30).double(), 9)
    points = torch.rand(30, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    wanted = sampling.sample_inverse_cdf(logits.softmax(-1), points)
    assert torch.equal(reference.choose(logits, torch.zeros(30, 40, dtype=torch.bool), [], points), wanted)


SETTINGS = [
    Sampling(temperature=0.8, max_new_tokens=40),
    Sampling(temperature=1.2, top_k=5, repetition_penalty=1.2, max_new_tokens=40),
    Sampling(top_p=0.9, min_p=0.05, max_new_tokens=40),
]


@pytest.mark.parametrize("sampling", SETTINGS)
def test_the_plain_loop_with_the_plain_filters_tells_what_the_librarys_sampler_tells(model, sampling):
    mine = tools.filters_of(sampling, **{name: getattr(reference, name) for name in FILTERS})
    assert len(mine) == len(filters_for(sampling))
    prompts = torch.tensor([[STOP, 5, 6], [STOP, 7, 8], [STOP, 9, 1]])
    draws = uniform_draws(3, 20, seed=sampling.seed)
    found = reference.generate(lambda ids: model(ids).logits, prompts, mine, draws, stop=4, context=24)
    short = Sampling(**{**vars(sampling), "max_new_tokens": 20})
    assert found == generate.generate(model, prompts.tolist(), sampling=short, stop={4})
    # The plain filters inside the library's loop:
    assert found == generate.generate(model, prompts.tolist(), sampling=short, stop={4}, filters=mine)


def test_a_row_is_told_as_if_it_were_alone_beyond_the_context_too(model):
    prompts, draws = torch.tensor([[3, 5], [8, 7]]), uniform_draws(2, 60, seed=4)

    def together(chosen):
        return reference.generate(
            lambda ids: model(ids).logits.double(), prompts[chosen], [], draws[chosen], stop=99, context=24
        )

    assert together([0, 1]) == together([0]) + together([1])


def test_stories_are_told_with_the_prompts_of_the_library():
    from storyteller.tokenizer import Tokenizer

    tokenizer = Tokenizer.train(["the fox ran to an owl"] * 3, vocab_size=270)
    shape = {
        "vocab_size": 270,
        "max_seq_len": 32,
        "d_model": 16,
        "n_layers": 1,
        "n_heads": 2,
        "n_kv_heads": 2,
        "d_ff": 16,
    }
    small = build_model(ModelConfig(**shape, n_experts=2, top_k=1), seed=2)
    sampling = Sampling(top_k=20, max_new_tokens=12, seed=6)
    openings = ["the fox", "an owl ran"]
    mine = tools.tell_with(
        reference.generate, small, tokenizer, openings, sampling=sampling, filters=tools.filters_of(sampling)
    )
    assert mine == generate.tell(small, tokenizer, openings, sampling=sampling)


# --- the cache --------------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("sizes", [(9,), (4, 1, 1, 3), (1,) * 9])
def test_the_cached_step_changes_nothing_in_a_mixture_with_grouped_queries(model, sizes):
    ids = torch.randint(40, (2, 9), generator=torch.Generator().manual_seed(1))
    caches, found, start = [None] * 2, [], 0
    for size in sizes:
        found.append(tools.read_on(model, ids[:, start : start + size], caches, reference.attend_cached))
        start += size
    torch.testing.assert_close(torch.cat(found, dim=1), model(ids).logits, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_cached_step_runs_in_a_dense_model_with_an_output_layer_of_its_own():
    shape = {
        "vocab_size": 20,
        "max_seq_len": 12,
        "d_model": 16,
        "n_layers": 2,
        "n_heads": 2,
        "n_kv_heads": 2,
        "d_ff": 16,
    }
    dense = Decoder(ModelConfig(**shape, n_experts=0, tie_embeddings=False), seed=1)
    ids = torch.tensor([[1, 2, 3, 4]])
    found = tools.read_on(dense, ids, [None, None], reference.attend_cached)
    torch.testing.assert_close(found, dense(ids).logits)


@torch.no_grad()
def test_a_reader_with_a_cache_tells_the_same_and_reads_each_token_once(model):
    prompt, draws = torch.tensor([[STOP, 5, 6]]), uniform_draws(1, 15, seed=3)
    reader = tools.CachedReader(model, reference.attend_cached)
    plain = reference.generate(lambda ids: model(ids).logits, prompt, [], draws, stop=99, context=24)
    assert reference.generate(reader, prompt, [], draws, stop=99, context=24) == plain
    assert reader.tokens_read == 3 + 14  # the last token is never read


@torch.no_grad()
def test_a_reader_with_a_cache_goes_on_beyond_the_context_and_with_another_text(model):
    prompt, draws = torch.tensor([[STOP, 5, 6]]), uniform_draws(1, 40, seed=3)
    reader = tools.CachedReader(model, reference.attend_cached)
    for text in (prompt, prompt + 1):
        plain = reference.generate(lambda ids: model(ids).logits, text, [], draws, stop=99, context=24)
        assert reference.generate(reader, text, [], draws, stop=99, context=24) == plain


# --- the figures ------------------------------------------------------------------------------------------------------

texts = st.lists(
    st.lists(st.sampled_from(["the", "fox", "ran", "owl"]), max_size=12).map(" ".join), min_size=1, max_size=5
)


@given(texts, st.integers(1, 4))
def test_the_figures_are_the_librarys(stories, n):
    found = reference.story_figures(stories, n)
    assert found["distinct"] == pytest.approx(distinct_n(stories, n), nan_ok=True)
    assert found["repetition"] == pytest.approx(sum(repetition(one, n) for one in stories) / len(stories))
    assert found["words"] == pytest.approx(sum(len(one.split()) for one in stories) / len(stories))


def test_the_rule_of_marks_is_silent_on_true_stories_and_finds_a_planted_fault():
    planted = 0
    for tale in load_stories("storyworld-small:everyday", split="validation", limit=200):
        things = {thing["noun"]: thing["mark"] for thing in tale.facts["things"] if thing["mark"]}
        assert reference.wrong_marks(tale.text, things, ["red", "blue", "green", *things.values()]) == [], tale.text
        for noun, mark in things.items():
            spoilt = tale.text.replace(f"the {mark} {noun}", f"the chequered {noun}")
            if spoilt != tale.text:
                planted += 1
                assert (noun, "chequered") in reference.wrong_marks(spoilt, things, ["chequered", mark])
    assert planted > 50


# --- copies and pictures ----------------------------------------------------------------------------------------------


def test_no_part_is_a_second_copy_of_the_library():
    assert LESSON.stand_in("keep_top_k") is sampling.keep_top_k
    assert LESSON.stand_in("keep_top_p") is sampling.keep_top_p
    assert LESSON.stand_in("keep_min_p") is sampling.keep_min_p
    assert LESSON.stand_in("penalize_repetition") is sampling.penalize_repetition
    for name in ("generate", "attend_cached"):
        own, ours = (inspect.unwrap(one).__code__ for one in (getattr(reference, name), LESSON.stand_in(name)))
        assert own.co_code == ours.co_code


def test_the_picture_of_chances_is_an_image_with_its_title():
    html = chances([" red", " blue"], [0.6, 0.4], [1.0, 0.0], title="top-p 0.5 keeps 1 of 2 tokens")
    assert html.startswith('<img alt="top-p 0.5 keeps 1 of 2 tokens" src="data:image/png;base64,')
