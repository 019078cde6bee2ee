"""Evaluation, beside sums over single tokens and stories written by hand."""

import math
from functools import cache

import pytest
import torch

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.evaluation.stories import SampledStory, SampleReport, byte_lengths, measure, sample_stories
from storyteller.inference.generate import tell
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.storyworld import Contradiction
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

TEXTS = ["the fox sat in the tree", "Größe 🦊", "an owl and a fox; the rain went away"]


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the fox and the owl sat in the old tree until the rain went away"] * 3, vocab_size=280)


@cache
def model() -> Decoder:
    config = ModelConfig(
        vocab_size=280, max_seq_len=64, d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=16, n_experts=4
    )
    return build_model(config, seed=2).eval()


def test_bits_per_byte_is_the_surprise_of_single_tokens_over_the_bytes():
    text = "the fox sat in the tree"
    ids = [tokenizer().end_id, *tokenizer().encode(text), tokenizer().end_id]
    log_probs = model()(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    bits = -sum(log_probs[place, ids[place + 1]].item() for place in range(len(ids) - 1)) / math.log(2)
    metrics = measure(model(), tokenizer(), [text])
    assert metrics.bits_per_byte == pytest.approx(bits / len(text.encode()), rel=1e-5)
    assert metrics.loss == pytest.approx(bits * math.log(2) / (len(ids) - 1), rel=1e-5)
    assert metrics.tokens == len(ids) - 1


def test_a_model_that_knows_nothing_needs_the_logarithm_of_the_vocabulary():
    ignorant = build_model(model().config, seed=2)
    torch.nn.init.zeros_(ignorant.embedding.weight)
    metrics = measure(ignorant, tokenizer(), TEXTS)
    n_tokens = sum(len(tokenizer().encode(text)) + 1 for text in TEXTS)
    n_bytes = sum(len(text.encode()) for text in TEXTS)
    assert metrics.bits_per_byte == pytest.approx(math.log2(280) * n_tokens / n_bytes, rel=1e-5)


def test_a_special_token_in_a_text_is_ordinary_text():
    assert measure(model(), tokenizer(), ["a <|endoftext|> b"]).tokens > 10


def test_byte_lengths_are_those_of_the_text():
    for text in TEXTS:
        assert sum(byte_lengths(tokenizer())[token] for token in tokenizer().encode(text)) == len(text.encode())
    assert byte_lengths(tokenizer())[tokenizer().end_id] == 0


def test_no_text_is_refused():
    with pytest.raises(StorytellerError, match="no text"):
        measure(model(), tokenizer(), [])


def finding(kind: str) -> Contradiction:
    return Contradiction(kind, "The kite was blue.", "It was red before.")


REPORT = SampleReport(
    (
        SampledStory("a fox ran home", True, ()),
        SampledStory("a fox ran away now", False, (finding("mark"), finding("mark"), finding("owner"))),
        SampledStory("the owl sat", True, (finding("mark"),)),
        SampledStory("a fox ran home", True, ()),
    )
)


def test_the_report_counts_stories_not_findings():
    assert REPORT.consistent == 0.5
    assert REPORT.counts == {"mark": 2, "owner": 1}
    assert REPORT.ended == 0.75
    assert REPORT.words == 4


def test_distinct_is_the_share_of_different_ngrams():
    assert REPORT.distinct(3) == 5 / 8  # a fox ran (three times), fox ran home (twice), and three that come once
    assert math.isnan(REPORT.distinct(9))


def test_the_report_of_no_stories_has_no_figures():
    assert math.isnan(SampleReport(()).consistent)


def test_the_saved_report_can_be_read(tmp_path):
    REPORT.save(tmp_path / "stories.txt")
    text = (tmp_path / "stories.txt").read_text(encoding="utf-8")
    assert "--- 2 ---\na fox ran away now\n  (cut)\n  ! mark: It was red before." in text
    assert text.count("---\n") == 4


def test_sampled_stories_begin_with_their_openings_and_do_not_depend_on_the_batch_size():
    openings = ["the fox", "", "an owl sat", "rain", "the old tree"]
    sampling = Sampling(seed=5, max_new_tokens=12)
    reports = [
        sample_stories(model(), tokenizer(), openings, sampling=sampling, batch_size=size, check=lambda text, **_: [])
        for size in (1, 2, 16)
    ]
    assert reports[0] == reports[1] == reports[2]
    assert [story.text for story in reports[0].stories] == tell(model(), tokenizer(), openings, sampling=sampling)
    assert reports[0].consistent == 1


def test_every_story_is_checked_as_a_whole():
    checked = []

    def check(text, **_):
        checked.append(text)
        return [finding("mark")]

    report = sample_stories(model(), tokenizer(), ["a fox", "an owl"], sampling=Sampling(max_new_tokens=5), check=check)
    assert checked == [story.text for story in report.stories]
    assert report.consistent == 0


def test_a_story_that_the_model_ends_is_told_from_one_that_was_cut():
    cut = sample_stories(model(), tokenizer(), ["a"], sampling=Sampling(max_new_tokens=3), check=lambda text, **_: [])
    assert not cut.stories[0].ended
    many = sample_stories(
        model(), tokenizer(), [""] * 8, sampling=Sampling(max_new_tokens=2000), check=lambda text, **_: []
    )
    assert any(story.ended for story in many.stories)
    assert not any("<|endoftext|>" in story.text for story in many.stories)


def test_by_default_storyworlds_rules_are_the_check():
    report = sample_stories(model(), tokenizer(), [""], sampling=Sampling(max_new_tokens=5))
    assert report.counts == {"nothing recognised": 1}


def test_a_story_that_never_ends_is_not_complete():
    told = [
        SampledStory("The end.", True, ()),
        SampledStory("a a a a", False, ()),
        SampledStory("He is she.", True, (Contradiction("pronoun", "He is she.", "why"),)),
    ]
    assert SampleReport(tuple(told)).complete_and_consistent == pytest.approx(1 / 3)
    assert SampleReport(tuple(told)).consistent == pytest.approx(2 / 3)
