"""What `sinusoidal_positions` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close

sinusoidal_positions = Exercise(
    "sinusoidal_positions",
    points=6,
    stars=2,
    scaffold="blank",
    bonus=True,
    hints=(
        "First the speeds, one for each pair of features; then all angles as a table of positions times speeds.",
        "`torch.arange(0, d_model, 2)` is 2i already. Position 0 has angle 0 everywhere: sine 0, cosine 1.",
        "`torch.stack((angle.sin(), angle.cos()), dim=-1)` puts sine and cosine of a pair next to each other; flatten "
        "the last two dimensions.",
    ),
)


def slow_waves(n_positions, d_model):
    """Feature by feature."""
    table = torch.zeros(n_positions, d_model)
    for p in range(n_positions):
        for i in range(d_model // 2):
            angle = p / 10_000 ** (2 * i / d_model)
            table[p, 2 * i], table[p, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


@sinusoidal_positions.case("begins with 0 and 1 in turn", points=2)
def first_row(student, draw):
    d_model = 2 * draw.randint(2, 5)
    got = student.sinusoidal_positions(draw.randint(2, 6), d_model)
    close(got[0], torch.tensor([0.0, 1.0] * (d_model // 2)), "the vector of position 0")


@sinusoidal_positions.case("gives each pair its own speed", points=4)
def speeds(student, draw):
    n_positions, d_model = draw.randint(5, 30), 2 * draw.randint(2, 6)
    close(student.sinusoidal_positions(n_positions, d_model), slow_waves(n_positions, d_model), "the table")
