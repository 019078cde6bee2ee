"""What `policy_gradient` must do, case by case."""

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of

policy_gradient = Exercise(
    "policy_gradient",
    in_library="storyteller.rl.losses.reinforce_loss",
    points=12,
    stars=2,
    scaffold="goal",
    hints=(
        "One pull first: arm 1 of two, with probabilities 0.7 and 0.3, gave the reward 1. Which logit should rise?",
        "The derivative of log p(arm) by logit j is 1 - p(j) for the arm that was pulled, and -p(j) for every other.",
        "`F.one_hot(arms, K)` has a row for each pull. Less p it is the score; times the reward less the baseline it "
        "is what the pull says; the mean of the rows is the estimate.",
    ),
)


def pulls(draw, K, N):
    """Logits of K arms, N pulls of them, and their rewards."""
    logits = draw.tensor(K)
    arms = draw.integers(0, K, N)
    return logits, arms, draw.tensor(N) + 1


def by_autograd(logits, arms, rewards, baseline=0.0):
    """The gradient of the mean of (reward - baseline) * log p(arm)."""
    [wanted] = gradients_of(lambda one: ((rewards - baseline) * one.log_softmax(0)[arms]).mean(), logits)
    return wanted


@policy_gradient.case("says for one pull what autograd says", points=5)
def one_pull(student, draw):
    for K in (2, 4):
        logits, arms, rewards = pulls(draw, K, 1)
        close(student.policy_gradient(logits, arms, rewards), by_autograd(logits, arms, rewards), "the gradient")


@policy_gradient.case("takes the mean over all pulls", points=4)
def many_pulls(student, draw):
    for K, N in ((3, 7), (5, 11)):
        logits, arms, rewards = pulls(draw, K, N)
        close(student.policy_gradient(logits, arms, rewards), by_autograd(logits, arms, rewards), "the gradient")


@policy_gradient.case("compares with the baseline", points=3)
def with_baseline(student, draw):
    for (K, N), baseline in (((3, 6), 0.8), ((2, 9), -1.5)):
        logits, arms, rewards = pulls(draw, K, N)
        got = student.policy_gradient(logits, arms, rewards, baseline=baseline)
        close(got, by_autograd(logits, arms, rewards, baseline), f"the gradient with the baseline {baseline}")
    same = torch.full((4,), 2.0)
    got = student.policy_gradient(draw.tensor(3), draw.integers(0, 3, 4), same, baseline=2.0)
    close(got, torch.zeros(3), "the gradient where every reward equals the baseline")
