"""What `newton_schulz` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true, unchanged
from storyteller_course.exercises.exercise import shaped

newton_schulz = Exercise(
    "newton_schulz",
    points=6,
    stars=2,
    scaffold="goal",
    bonus=True,
    hints=(
        "Try it with a diagonal matrix: its singular values are the numbers on the diagonal, and each goes through the "
        "polynomial by itself.",
        "The polynomial of matrices has odd powers only: X, then X X^T X, then that once more with X X^T. Compute the "
        "product X X^T once, from the matrix as it is at the beginning of the step.",
        "X X^T has as many rows as X. Turn a matrix that has more rows than columns with `.mT`, so that the product is "
        "the smaller of the two; the result is the same, turned back.",
    ),
)
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def by_singular_values(gradient, steps):
    """The same from the singular value decomposition: each value goes through the polynomial by itself."""
    u, values, v = torch.linalg.svd(gradient.double(), full_matrices=False)
    values = values / values.square().sum().sqrt()
    for _ in range(steps):
        values = sum(c * values**power for c, power in zip(COEFFICIENTS, (1, 3, 5), strict=True))
    return (u * values @ v).float()


@newton_schulz.case("leaves the directions and brings every singular value near 1", points=3)
def directions(student, draw):
    for rows, columns, scale in ((4, 6, 1.0), (5, 5, draw.choice([0.01, 50.0])), (2, 7, 3.0)):
        gradient = draw.tensor(rows, columns, scale=scale)
        got = student.newton_schulz(gradient, steps=5)
        shaped(got, (rows, columns), "the result")
        unchanged(student)
        close(got, by_singular_values(gradient, 5), "the result of 5 steps", rtol=1e-3, atol=1e-3)


@newton_schulz.case("takes as many steps as it is told", points=2)
def so_many_steps(student, draw):
    for steps in draw.sample([1, 2, 3, 4], 3):
        gradient = draw.tensor(3, draw.randint(4, 6))
        got = student.newton_schulz(gradient, steps=steps)
        close(got, by_singular_values(gradient, steps), f"the result of {steps} steps", rtol=1e-3, atol=1e-3)


@newton_schulz.case("treats a tall matrix as the wide one, turned", points=1)
def tall(student, draw):
    gradient = draw.tensor(draw.randint(6, 9), 3)
    got = student.newton_schulz(gradient, steps=5)
    shaped(got, tuple(gradient.shape), "the result of a tall matrix")
    close(got, by_singular_values(gradient, 5), "the result of a tall matrix", rtol=1e-3, atol=1e-3)
    silent = student.newton_schulz(torch.zeros(3, 2), steps=2)
    true(bool(silent.isfinite().all()), "A gradient that is 0 everywhere becomes nan.", got=silent)
