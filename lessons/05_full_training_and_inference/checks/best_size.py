"""What `best_size` must do, case by case."""

import math

from storyteller_course import Exercise, close, true

best_size = Exercise(
    "best_size",
    points=8,
    stars=2,
    scaffold="blank",
    hints=(
        "Fix a budget and write down three pairs of parameters and tokens that spend it: one with a small model, one "
        "with a middling one, one with a large one. Which term of the law is large in the first, which in the last?",
        "The tokens are the budget over six times the parameters. Put that into the law: one variable is left. Either "
        "take the derivative, or let a program try sizes that grow by a percent each.",
        "The derivative is 0 where alpha times the term of the parameters equals beta times the term of the tokens. "
        "Solve that for the parameters: the exponent of the result is 1 over the sum of alpha and beta.",
    ),
)


def some_law(draw):
    """A law, and no two of its numbers alike."""
    alpha, beta = draw.sample([0.2, 0.28, 0.34, 0.4, 0.5], 2)
    numbers = {"floor": draw.uniform(0.5, 2), "A": draw.uniform(20, 400), "B": draw.uniform(40, 900)}
    return {**numbers, "alpha": alpha, "beta": beta}


def said(law, parameters, tokens):
    return law["floor"] + law["A"] * parameters ** -law["alpha"] + law["B"] * tokens ** -law["beta"]


def searched(law, budget):
    """The best size by thirds: the loss over the logarithm of the size falls, then rises."""
    low, high = -20.0, 80.0
    for _ in range(200):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        losses = [said(law, math.exp(x), budget / 6 / math.exp(x)) for x in (left, right)]
        low, high = (low, right) if losses[0] < losses[1] else (left, high)
    return math.exp(low)


def two_numbers(got):
    true(
        isinstance(got, tuple | list) and len(got) == 2 and all(isinstance(one, int | float) for one in got),
        "Two numbers are wanted, the parameters and the tokens.",
        got=got,
    )
    true(all(math.isfinite(one) and one > 0 for one in got), "Both numbers are above 0.", got=got)
    return got


def check_size(student, law, budget):
    parameters, _ = two_numbers(student.best_size(law, budget))
    best = searched(law, budget)
    gap = abs(math.log(parameters / best))
    true(gap < 0.021, f"For a budget of {budget:.2g} operations the best size is about {best:.4g} parameters.",
         got=parameters)  # fmt: skip


@best_size.case("finds the size with the lowest loss by the law", points=4)
def lowest(student, draw):
    for exponent in draw.sample(range(13, 20), 3):
        check_size(student, some_law(draw), draw.uniform(1, 9) * 10.0**exponent)


@best_size.case("spends the whole budget, and no more", points=2)
def spent(student, draw):
    for exponent in draw.sample(range(13, 20), 3):
        law, budget = some_law(draw), draw.uniform(1, 9) * 10.0**exponent
        parameters, tokens = two_numbers(student.best_size(law, budget))
        close(6 * parameters * tokens / budget, 1.0, "the share of the budget that is spent", rtol=1e-3)
        best = searched(law, budget)
        true(best / 50 < parameters < best * 50, "The size is nowhere near the best.", got=parameters)


@best_size.case("finds very small and very large models as well", points=2)
def far_off(student, draw):
    small, large = some_law(draw), some_law(draw)
    # The budget at which a law's best size is the one wanted, by the place where the derivative is 0.
    for law, size in ((small, draw.uniform(1.1e3, 9e3)), (large, draw.uniform(1e11, 9e11))):
        slope = law["alpha"] * law["A"] * size ** -law["alpha"]  # of the first term, over the logarithm of the size
        tokens = (slope / (law["beta"] * law["B"])) ** (-1 / law["beta"])
        check_size(student, law, 6 * size * tokens)
