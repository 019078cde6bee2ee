"""Advantages and selection, beside plain loops, TRL's formulas and exact expectations."""

import itertools
import statistics

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.rl.advantages import blame_tokens, group_advantages, leave_one_out
from storyteller.rl.selection import best_of_n, keep_best, pass_at_k

REWARDS = torch.rand(3, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("divide", [True, False])
def test_group_advantages_are_those_of_a_loop_over_the_groups(divide):
    for row, result in zip(REWARDS.tolist(), group_advantages(REWARDS, divide_by_std=divide).tolist(), strict=True):
        scale = statistics.stdev(row) + 1e-4 if divide else 1.0
        assert result == pytest.approx([(reward - statistics.fmean(row)) / scale for reward in row], abs=1e-5)


def test_leave_one_out_compares_with_the_others():
    for row, result in zip(REWARDS.tolist(), leave_one_out(REWARDS).tolist(), strict=True):
        for place, reward in enumerate(row):
            others = row[:place] + row[place + 1 :]
            assert result[place] == pytest.approx(reward - statistics.fmean(others), abs=1e-5)


def test_a_group_without_differences_teaches_nothing():
    same = torch.full((2, 4), 0.7)
    assert group_advantages(same).abs().max() < 1e-2
    assert leave_one_out(same).abs().max() < 1e-6


@pytest.mark.parametrize(("n", "c", "k"), [(6, 2, 3), (6, 0, 2), (6, 6, 1), (6, 5, 2), (5, 1, 5)])
def test_pass_at_k_is_the_share_of_all_choices_with_a_good_one(n, c, k):
    stories = [number < c for number in range(n)]
    choices = list(itertools.combinations(stories, k))
    assert pass_at_k(n=n, c=c, k=k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_pass_at_k_is_unbiased():
    p, n, k = 0.3, 7, 3
    expectation = sum(
        p ** sum(good) * (1 - p) ** (n - sum(good)) * pass_at_k(n=n, c=sum(good), k=k)
        for good in itertools.product([0, 1], repeat=n)
    )
    assert expectation == pytest.approx(1 - (1 - p) ** k)


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, 1, 4), (3, 1, 0), (3, -1, 1)])
def test_pass_at_k_refuses_what_cannot_be(n, c, k):
    with pytest.raises(StorytellerError, match="they must be"):
        pass_at_k(n=n, c=c, k=k)


def test_the_best_and_the_best_share():
    rewards = [0.5, 0.9, 0.1, 0.9, 0.3]
    assert best_of_n(rewards) == 1
    assert keep_best(rewards, share=0.4) == [1, 3]
    assert keep_best(rewards, share=0.01) == [1]
    assert keep_best(rewards, share=1.0) == [0, 1, 2, 3, 4]
    with pytest.raises(StorytellerError, match="share is 0"):
        keep_best(rewards, share=0)
    with pytest.raises(StorytellerError, match="no rewards"):
        best_of_n([])


def test_the_tokens_at_fault_bear_what_a_bad_story_has_and_a_good_one_shares_it():
    mask = torch.tensor([[False, True, True, True, True, False]] * 4)
    at_fault = torch.zeros_like(mask)
    at_fault[0, 2] = at_fault[1, 3] = at_fault[1, 4] = at_fault[2, 2] = True
    result = blame_tokens(torch.tensor([-1.0, -0.5, 1.0, -2.0]), mask, at_fault)
    assert result[0, 1:5].tolist() == [0.0, -4.0, 0.0, 0.0]
    assert result[1, 1:5].tolist() == [0.0, 0.0, -1.0, -1.0]
    assert result[2, 1:5].tolist() == [1.0] * 4  # better than the others all the same
    assert result[3, 1:5].tolist() == [-2.0] * 4  # nobody knows where
    totals = (result * mask).sum(dim=1)
    assert totals.tolist() == [-4.0, -2.0, 4.0, -8.0]  # m times the story's advantage, as without blame
