"""What `choose` must do, case by case."""

import torch

from storyteller_course import Exercise, equal

from .oracles import INFINITE, hit, scores

choose = Exercise(
    "choose",
    in_library="storyteller.inference.sampling.sample_inverse_cdf",
    points=13,
    stars=2,
    hints=(
        "Draw the line: the probabilities 0.2, 0.5 and 0.3 side by side, from 0 to 1. Which token does the point 0.6 "
        "hit? How many pieces lie wholly to its left?",
        "Filters first, softmax last. cumsum gives where each piece ends; count the ends that are not beyond "
        "the point, in each row.",
        "`uniform[:, None]` has the shape (B, 1) and can be compared with (B, V). Rounding may leave the last end a "
        "little below 1: multiply the point with it.",
    ),
    forbidden=(
        "storyteller.inference.sampling.sample_inverse_cdf",
        "storyteller.inference.sampling.probabilities",
        "torch.multinomial",
    ),
)


def off_the_ends(draw, logits):
    """A point for each row that is not near the end of a piece."""
    points = []
    ends = torch.softmax(logits, -1).cumsum(-1)
    for row in ends:
        point = draw.random()
        while (row - point).abs().min() < 1e-4:
            point = draw.random()
        points.append(point)
    return torch.tensor(points, dtype=torch.float64)


def nothing_seen(logits):
    return torch.zeros_like(logits, dtype=torch.bool)


@choose.case("takes the token whose piece the point hits", points=4)
def inverse(student, draw):
    logits = scores(draw, rows=20, scale=1.0)
    uniform = off_the_ends(draw, logits)
    wanted = [hit(row, point) for row, point in zip(logits, uniform.tolist(), strict=True)]
    equal(student.choose(logits, nothing_seen(logits), [], uniform), torch.tensor(wanted), "the tokens of 20 rows")


@choose.case("makes probabilities of what the filters have left", points=5)
def filtered(student, draw):
    logits = scores(draw, rows=20, scale=1.0)
    removed = draw.sample(range(7), 4)

    def without(given, seen):
        given = given.clone()
        given[:, removed] = -INFINITE
        return given

    left = without(logits, None)
    uniform = off_the_ends(draw, left)
    uniform[:5] = torch.tensor([0.999, 0.99, 0.98, 0.97, 0.96])
    wanted = [hit(row, point) for row, point in zip(left, uniform.tolist(), strict=True)]
    got = student.choose(logits, nothing_seen(logits), [without], uniform)
    equal(got, torch.tensor(wanted), f"the tokens of 20 rows, of which a filter took {removed}")


@choose.case("applies the filters in their order, each to what the one before it gave, with what was seen", points=2)
def order_of_filters(student, draw):
    logits, seen = scores(draw, rows=6), draw.integers(0, 2, 6, 7).bool()
    given = []

    def halve(values, known):
        given.append((values.clone(), known.clone()))
        return values / 2

    def raise_seen(values, known):
        given.append((values.clone(), known.clone()))
        return values + 1.5 * known

    changed = logits / 2 + 1.5 * seen
    uniform = off_the_ends(draw, changed)
    wanted = [hit(row, point) for row, point in zip(changed, uniform.tolist(), strict=True)]
    got = student.choose(logits, seen, [halve, raise_seen], uniform)
    equal(len(given), 2, "the number of calls of two filters")
    equal([values for values, _ in given], [logits, logits / 2], "the logits that the two filters were given")
    equal([known for _, known in given], [seen, seen], "what the two filters were told was seen")
    equal(got, torch.tensor(wanted), "the tokens of 6 rows")


@choose.case("never takes a token of probability 0, and always takes one", points=2)
def edges(student, draw):
    logits = scores(draw, rows=4)
    for row, gone in zip(logits, ([0, 1], [0], [5, 6], [0, 6]), strict=True):
        row[gone] = -INFINITE
    lowest, highest = torch.zeros(4).double(), torch.full((4,), 1 - 2**-40, dtype=torch.float64)
    equal(student.choose(logits, nothing_seen(logits), [], lowest), torch.tensor([2, 1, 0, 1]), "the tokens at 0")
    got = student.choose(logits, nothing_seen(logits), [], highest)
    equal(got, torch.tensor([6, 6, 4, 5]), "the tokens just below 1")
