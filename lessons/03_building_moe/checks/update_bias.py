"""What `update_bias` must do, case by case."""

import torch

from storyteller_course import Exercise, close

update_bias = Exercise(
    "update_bias",
    points=4,
    stars=1,
    bonus=True,
    scaffold="blank",
    hints=(
        "Who had less than the even share is to be chosen more often, and the other way round.",
        "What is the even share, in terms of the counts? Only the direction counts here, not the distance.",
        "`torch.sign` gives 1, 0 or -1. Give a new tensor back; the one that came in stays as it is.",
    ),
    stand_in="storyteller.moe.router.update_bias",
)


def moved(bias, counts, rate):
    """Expert by expert."""
    even = sum(counts.tolist()) / len(counts)
    steps = [rate if n < even else -rate if n > even else 0.0 for n in counts.tolist()]
    return torch.tensor([b + step for b, step in zip(bias.tolist(), steps, strict=True)])


@update_bias.case("raises those that had too little and lowers those that had too much", points=2)
def directions(student, draw):
    for n_experts, rate in ((4, 0.01), (6, 0.25)):
        bias, counts = draw.tensor(n_experts), draw.integers(0, 40, n_experts)
        close(student.update_bias(bias, counts, rate=rate), moved(bias, counts, rate), f"the bias for a rate of {rate}")


@update_bias.case("leaves an expert with just its share alone, and takes steps of one size", points=2)
def shares(student, draw):
    bias, rate = draw.tensor(5), draw.choice([0.02, 0.5])
    more = draw.randint(2, 5)
    counts = torch.tensor([9, 9 + more, 9 - more, 10, 8])
    close(student.update_bias(bias, counts, rate=rate), moved(bias, counts, rate), "the bias")
