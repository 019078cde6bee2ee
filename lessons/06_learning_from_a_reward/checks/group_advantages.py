"""What `group_advantages` must do, case by case."""

import torch

from storyteller_course import Exercise, close

from .oracles import slow_advantages

group_advantages = Exercise(
    "group_advantages",
    in_library="storyteller.rl.advantages.group_advantages",
    points=10,
    stars=2,
    bug_hunt=True,
    hints=(
        "Two prompts, two stories each: an easy prompt with the rewards 1 and 0.9, a hard one with 0.2 and 0. Which "
        "stories should have an advantage above 0?",
        "`x.mean()` is the mean of everything there is. What is each story to be compared with, and how far apart are "
        "the stories of *its* prompt?",
        "Both figures are of a row of (P, G): take them over dimension 1, and keep that dimension so that they go with "
        "the rows.",
    ),
)


def rewards_of(draw, P, G):
    """Rewards of prompts that differ in difficulty and in spread."""
    spread = torch.tensor([[0.1 + draw.random()] for _ in range(P)])
    return (draw.tensor(P, G) * spread + 3 * draw.tensor(P, 1)).flatten()


@group_advantages.case("compares a story with those of its own prompt", points=5)
def own_prompt(student, draw):
    for P, G in ((3, 4), (2, 6)):
        # Groups of the same spread, each symmetric about its mean: only the mean can be wrong.
        steps = torch.tensor([1.0, -1.0]).repeat(G // 2)
        for _ in range(2):
            rewards = (steps + draw.integers(-9, 9, P, 1) * 3.0 + torch.arange(P)[:, None]).flatten()
            got, wanted = student.group_advantages(rewards, G), slow_advantages(rewards, G)
            close(got.sign(), wanted.sign(), "the signs of the advantages")
            ratio = got[0] / got[1]
            close(ratio, torch.tensor(-1.0), "the first advantage over the second, of stories as far from the mean")


@group_advantages.case("divides by the deviation within the prompt", points=4)
def own_spread(student, draw):
    for P, G in ((3, 4), (2, 7)):
        rewards = rewards_of(draw, P, G).view(P, G)
        rewards = (rewards - rewards.mean(dim=1, keepdim=True)).flatten()  # all groups have the mean 0
        got = student.group_advantages(rewards, G)
        close(got, slow_advantages(rewards, G), "the advantages of groups with the same mean", atol=1e-3)


@group_advantages.case("gives 0 where no story of a prompt is better than another", points=1)
def no_difference(student, draw):
    G = draw.choice([3, 5])
    rewards = torch.cat([torch.full((G,), float(draw.randint(1, 3))), draw.tensor(G), torch.zeros(G)])
    close(student.group_advantages(rewards, G), slow_advantages(rewards, G), "the advantages")


@group_advantages.case("still works for a single prompt", points=0)
def single(student, draw):
    for G in (4, 9):
        rewards = draw.tensor(G)
        close(student.group_advantages(rewards, G), slow_advantages(rewards, G), "the advantages")
