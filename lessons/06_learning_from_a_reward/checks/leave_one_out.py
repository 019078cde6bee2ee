"""What `leave_one_out` must do, case by case."""

import torch

from storyteller_course import Exercise, close

leave_one_out = Exercise(
    "leave_one_out",
    points=6,
    stars=2,
    scaffold="blank",
    hints=(
        "Take one row of three rewards and do it by hand: what are the others of the first story, and their mean?",
        "No loop is needed: the sum of the others is the sum of all without the story's own.",
        "The row's sum with `keepdim=True`, less the rewards themselves, divided by one less than G.",
    ),
    stand_in="storyteller.rl.advantages.leave_one_out",
)


def slow(rewards):
    """Story by story."""
    rows = []
    for row in rewards.tolist():
        others = [[other for j, other in enumerate(row) if j != i] for i in range(len(row))]
        rows.append([mine - sum(rest) / len(rest) for mine, rest in zip(row, others, strict=True)])
    return torch.tensor(rows)


@leave_one_out.case("compares each story with the mean of the others", points=4)
def others(student, draw):
    for P, G in ((1, 4), (3, 5)):
        rewards = draw.tensor(P, G)
        close(student.leave_one_out(rewards), slow(rewards), "the advantages")


@leave_one_out.case("keeps prompts apart, and works for two stories of each", points=2)
def two_each(student, draw):
    for P in (2, 4):
        rewards = draw.tensor(P, 2) + 5 * draw.tensor(P, 1)
        close(student.leave_one_out(rewards), slow(rewards), "the advantages")
