"""What `apply_temperature` must do, case by case."""

import math

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, shaped, true, unchanged

from .oracles import chances, likeliest_first, scores

apply_temperature = Exercise(
    "apply_temperature",
    in_library="storyteller.inference.sampling.apply_temperature",
    points=5,
    stars=1,
    scaffold="goal",
    hints=(
        "Which logits give the probabilities of a token with p = 0.6 and one with p = 0.4 when each is squared and "
        "both are made to sum to 1? Take logarithms.",
        "Raising p to the power 1/T is dividing log p by T. Dividing by 0 does not work, so that case is another "
        "branch: find out which token is the likeliest.",
        "argmax gives the first of several equal highest ones. Start from a tensor full of minus infinity, and put "
        "back one logit in each row with scatter.",
    ),
    forbidden=("storyteller.inference.sampling.apply_temperature",),
)


@apply_temperature.case("raises the probabilities to the power 1/T", points=2)
def sharpened(student, draw):
    for temperature in (draw.choice([0.25, 0.5, 0.8]), draw.choice([1.5, 2, 4.0]), 1.0):
        logits = scores(draw)
        got = student.apply_temperature(logits, temperature)
        shaped(got, logits.shape)
        powers = [[p ** (1 / temperature) for p in chances(row)] for row in logits]
        wanted = torch.tensor([[p / sum(row) for p in row] for row in powers])
        close(torch.softmax(got, -1), wanted, f"the probabilities at temperature {temperature}")
        gaps = (logits - logits[:, :1]) / temperature
        close(got - got[:, :1], gaps, f"the logits less the first of their row at temperature {temperature}")


@apply_temperature.case("leaves one token in each row at temperature 0", points=2)
def greedy(student, draw):
    logits = scores(draw)
    check_greedy(student, logits, 0, "at temperature 0")
    below = logits - logits.max() - 1  # all of them negative
    check_greedy(student, below, 0.0, "at temperature 0 of negative logits")
    twins = scores(draw)
    equal_ones = draw.sample(range(twins.size(1)), 3)
    twins[1, equal_ones] = twins[1].max().item() + 1.0
    check_greedy(student, twins, 0.0, "at temperature 0, where three tokens are equal")


def check_greedy(student, logits, temperature, what):
    got = student.apply_temperature(logits, temperature)
    shaped(got, logits.shape)
    wanted = torch.tensor([likeliest_first(row)[0] for row in logits])  # of equal ones the first: sorting is stable
    only = F.one_hot(wanted, logits.size(1))
    equal(got > -math.inf, only.bool(), f"which tokens are left {what}")
    equal(torch.softmax(got, -1), only.float(), f"the probabilities {what}")


@apply_temperature.case("changes none of its arguments", points=1)
def temperature_copies(student, draw):
    for temperature in (0.5, 0.0):
        logits = scores(draw)
        got = student.apply_temperature(logits, temperature)
        unchanged(student)
        shaped(got, logits.shape)
        equal(got.argmax(-1), logits.argmax(-1), f"the likeliest token of each row at temperature {temperature}")
    true(not torch.allclose(got - got[:, :1], logits - logits[:, :1]), "The logits are as they were.", got=got)
