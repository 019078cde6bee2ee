"""Checkpoints and settings side by side: what a row says is what the parts say, measured one by one."""

from functools import cache
from statistics import median

import pytest
import torch

from storyteller.config import ModelConfig
from storyteller.evaluation.compare import Row, compare, corpus_row
from storyteller.evaluation.stories import SampledStory, SampleReport, measure
from storyteller.evaluation.text_metrics import CopyFinder
from storyteller.inference.generate import tell
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.storyworld.generate import generate
from storyteller.tokenizer import Tokenizer

TRAINED_ON = ["the fox and the owl sat in the old tree until the rain went away"]
HELD_OUT = {"tales": ["the owl sat in the rain", "a fox went away"], "others": ["the old tree"]}
OPENINGS = ["the fox", "the owl and", ""]
SAMPLINGS = {name: Sampling(temperature=float(name), max_new_tokens=12, seed=3) for name in ("0.5", "1.5")}


@cache
def models():
    """Two checkpoints that differ; the second says the same token again and again."""
    tokenizer = Tokenizer.train(TRAINED_ON * 3, vocab_size=270)
    config = ModelConfig(
        vocab_size=270, max_seq_len=64, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_ff=8, n_experts=0
    )
    first, second = build_model(config, seed=1).eval(), build_model(config, seed=1).eval()
    with torch.no_grad():
        second.embedding.weight.mul_(0.01)[tokenizer.encode("a the")[-1]] = 10.0
    return {"first": (first, tokenizer), "second": (second, tokenizer)}


@cache
def rows():
    finder = CopyFinder(TRAINED_ON)
    return compare(models(), SAMPLINGS, corpora=HELD_OUT, openings=OPENINGS, trained_on={"first": finder})


def test_there_is_a_row_for_each_checkpoint_and_setting_in_their_order():
    assert [(row.checkpoint, row.sampling) for row in rows()] == [
        ("first", "0.5"), ("first", "1.5"), ("second", "0.5"), ("second", "1.5")
    ]  # fmt: skip


def test_every_corpus_is_measured_with_every_checkpoint_whatever_the_setting():
    for row in rows():
        figures = row.figures()
        for name, texts in HELD_OUT.items():
            wanted = measure(*models()[row.checkpoint], texts)
            assert figures[f"perplexity, {name}"] == pytest.approx(wanted.perplexity)
            assert figures[f"bits per byte, {name}"] == pytest.approx(wanted.bits_per_byte)
    first, _, second, _ = (row.figures()["perplexity, tales"] for row in rows())
    assert abs(first - second) > 1  # of two checkpoints, not twice of one


def test_who_was_trained_on_whole_stories_is_measured_on_whole_stories():
    texts = [story.text for story in generate(3, seed=1)]
    first, *_, second, _ = compare(models(), SAMPLINGS, corpora={"long": texts}, openings=[""], aligned=["first"])
    whole, cut = (measure(*models()["first"], texts, align_documents=align).perplexity for align in (True, False))
    assert whole != pytest.approx(cut)
    assert first.figures()["perplexity, long"] == pytest.approx(whole)
    cut = measure(*models()["second"], texts).perplexity
    assert second.figures()["perplexity, long"] == pytest.approx(cut)


def test_the_stories_are_those_that_the_checkpoint_tells_with_the_setting():
    for row in rows():
        wanted = tell(*models()[row.checkpoint], OPENINGS, sampling=SAMPLINGS[row.sampling])
        assert [story.text for story in row.report.stories] == wanted
    assert len({tuple(story.text for story in row.report.stories) for row in rows()}) > 2


def test_copies_are_looked_for_where_the_training_texts_are_given():
    words = TRAINED_ON[0].split()
    runs = {tuple(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    texts = ["the owl sat in the rain", "fox and the owl", "zebra", "the old tree until the rain went"]
    longest = []  # by trying every run of words of every text
    for text in texts:
        own = text.split()
        pieces = [tuple(own[i:j]) for i in range(len(own)) for j in range(i + 1, len(own) + 1)]
        longest.append(max((len(piece) for piece in pieces if piece in runs), default=0))
    figures = corpus_row("tales", texts, copies=CopyFinder(TRAINED_ON)).figures()
    assert (figures["copied words, median"], figures["copied words, most"]) == (median(longest), max(longest))
    assert ["copied words, most" in row.figures() for row in rows()] == [True, True, False, False]


def test_the_figures_of_a_row_are_sums_over_its_stories():
    texts, ends = ["a b a b", "a b c", "d"], [True, True, False]
    report = SampleReport(tuple(SampledStory(text, end, ()) for text, end in zip(texts, ends, strict=True)))
    figures = Row(checkpoint="x", sampling="y", metrics={}, report=report, copied=()).figures()
    assert figures["consistent"] == figures["ended"] == pytest.approx(2 / 3)  # cut off is not complete
    assert figures["words"] == pytest.approx((4 + 3 + 1) / 3)
    assert figures["distinct 2-grams"] == pytest.approx(3 / 5)  # ab ba ab, ab bc
    assert "perplexity" not in " ".join(figures)


def test_held_out_stories_are_consistent_until_one_of_them_is_broken():
    texts = [story.text for story in generate(8, seed=5)]
    row = corpus_row("storyworld", texts)
    assert (row.figures()["consistent"], row.figures()["ended"]) == (1, 1)
    number = next(number for number, text in enumerate(texts) if " she " in text)
    texts[number] = texts[number].replace(" she ", " he ")
    assert corpus_row("storyworld", texts).figures()["consistent"] == 7 / 8
