"""What `apply_temperature` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, unchanged

from .oracles import chances, likeliest_first, scores

apply_temperature = Exercise(
    "apply_temperature",
    in_library="storyteller.inference.sampling.apply_temperature",
    points=7,
    stars=1,
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


@apply_temperature.case("raises the probabilities to the power 1/T", points=3)
def sharpened(student, draw):
    logits = scores(draw)
    for temperature in (draw.choice([0.25, 0.5, 0.8]), draw.choice([1.5, 2.0, 4.0])):
        got = student.apply_temperature(logits, temperature)
        equal(tuple(got.shape), (3, 7), "the shape of the result")
        powers = [[p ** (1 / temperature) for p in chances(row)] for row in logits]
        wanted = torch.tensor([[p / sum(row) for p in row] for row in powers], dtype=torch.float64)
        close(torch.softmax(got, -1), wanted, f"the probabilities at temperature {temperature}", rtol=1e-6)
        gap = (logits[0, 0] - logits[0, 1]) / temperature
        close(got[0, 0] - got[0, 1], gap, f"the difference of the first two logits at temperature {temperature}")


@apply_temperature.case("leaves one token in each row at temperature 0", points=3)
def greedy(student, draw):
    logits = scores(draw)
    wanted = [likeliest_first(row)[0] for row in logits]
    got = student.apply_temperature(logits, 0)
    equal(torch.softmax(got, -1).argmax(-1), torch.tensor(wanted), "the likeliest tokens at temperature 0")
    equal(torch.softmax(got, -1), F.one_hot(torch.tensor(wanted), 7).double(), "the probabilities at temperature 0")
    twins = draw.sample(range(7), 3)
    logits[1, twins] = logits[1].max().item() + 1.0
    got = student.apply_temperature(logits, 0.0)
    wanted[1] = min(twins)
    equal(torch.softmax(got, -1), F.one_hot(torch.tensor(wanted), 7).double(),
          "the probabilities at temperature 0, where three tokens are equal")  # fmt: skip


@apply_temperature.case("changes none of its arguments", points=1)
def temperature_copies(student, draw):
    for temperature in (0.5, 0.0):
        student.apply_temperature(scores(draw), temperature)
        unchanged(student)
