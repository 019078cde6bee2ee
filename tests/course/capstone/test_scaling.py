"""The scaling lab: a law that is known is found again, and the best size of a law is the exercise's."""

import pytest

from repository import ROOT
from storyteller.corpus.load import load_stories
from storyteller_course import load_lesson
from storyteller_course.capstone.scaling import EXPONENTS, Point, ScalingLab, fit_law, law_loss

LAW = {"floor": 1.2, "A": 30.0, "alpha": float(EXPONENTS[12]), "B": 200.0, "beta": float(EXPONENTS[18])}


def points_of(law):
    return [
        Point(0, size, tokens, law_loss(law, parameters=size, tokens=tokens))
        for size in (5_000, 20_000, 90_000, 400_000)
        for tokens in (50_000, 200_000, 800_000)
    ]


def test_a_law_is_found_again_from_the_losses_that_it_gives():
    found = fit_law(points_of(LAW))
    assert found == pytest.approx(LAW, rel=1e-3)


def test_the_best_size_has_neighbours_that_are_worse():
    best_size = load_lesson(ROOT / "lessons" / "05_full_training_and_inference").reference.best_size
    budget = 1e13
    parameters, tokens = best_size(LAW, budget)
    assert 6 * parameters * tokens == pytest.approx(budget)
    lowest = law_loss(LAW, parameters=parameters, tokens=tokens)
    for factor in (0.9, 1.1):
        assert law_loss(LAW, parameters=parameters * factor, tokens=tokens / factor) > lowest


def test_the_lab_trains_what_it_says_and_the_same_seed_gives_the_same_loss():
    texts = [story.text for story in load_stories("storyworld-small:everyday", limit=60)]
    lab = ScalingLab(texts, texts[:20])
    small, again, other = lab.point(8, 5_000), lab.point(8, 5_000), lab.point(8, 5_000, seed=2)
    assert small == again
    assert small.loss != other.loss
    assert small.tokens == 10 * 8 * 64
    assert small.flops == 6 * small.parameters * small.tokens
    assert lab.width_for(lab.parameters(24) * 1.05) == 24
