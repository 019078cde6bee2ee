"""What `choose` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal

from .oracles import INFINITE, far_apart, hit, scores, to_the_next_end

choose = Exercise(
    "choose",
    in_library="storyteller.inference.sampling.sample_inverse_cdf",
    points=12,
    stars=2,
    scaffold="goal",
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
    for row in logits:
        point = draw.random()
        while to_the_next_end(row, point) < 1e-4:
            point = draw.random()
        points.append(point)
    return torch.tensor(points)


def nothing_seen(logits):
    return torch.zeros_like(logits, dtype=torch.bool)


def hits(logits, uniform):
    """The token of each row."""
    return torch.tensor([hit(row, point) for row, point in zip(logits, uniform.tolist(), strict=True)])


@choose.case("takes the token whose piece the point hits", points=4)
def inverse(student, draw):
    far = far_apart(draw, scores(draw, rows=12, scale=1.0), (-200.0, 0.0, 200.0))
    for logits in (scores(draw, rows=20, scale=1.0), far):
        uniform = off_the_ends(draw, logits)
        got = student.choose(logits, nothing_seen(logits), [], uniform)
        equal(got, hits(logits, uniform), f"the tokens of {len(logits)} rows")


@choose.case("makes probabilities of what the filters have left", points=4)
def filtered(student, draw):
    logits = scores(draw, rows=20, scale=1.0)
    removed = draw.sample(range(logits.size(1)), 4)

    def without(given, seen):
        given = given.clone()
        given[:, removed] = -INFINITE
        return given

    left = without(logits, None)
    uniform = off_the_ends(draw, left)
    uniform[:5] = torch.tensor([0.999, 0.99, 0.98, 0.97, 0.96])
    got = student.choose(logits, nothing_seen(logits), [without], uniform)
    equal(got, hits(left, uniform), f"the tokens of 20 rows, of which a filter took {removed}")


@choose.case("applies the filters in their order, each to what the one before it gave, with what was seen", points=2)
def order_of_filters(student, draw):
    logits = scores(draw, rows=draw.randint(6, 9))
    seen = draw.integers(0, 2, *logits.shape).bool()
    given = []

    def halve(values, known):
        given.append((values.clone(), known.clone()))
        return values / 2

    def raise_seen(values, known):
        given.append((values.clone(), known.clone()))
        return values + 1.5 * known

    changed = logits / 2 + 1.5 * seen
    uniform = off_the_ends(draw, changed)
    got = student.choose(logits, seen, [halve, raise_seen], uniform)
    equal(len(given), 2, "the number of calls of two filters")
    close(given, [(logits, seen), (logits / 2, seen)], "the logits and what was seen, as the two filters got them")
    equal(got, hits(changed, uniform), f"the tokens of {len(logits)} rows")


@choose.case("never takes a token of probability 0, and always takes one", points=2)
def edges(student, draw):
    rows = 40  # in so many the rounded probabilities of some sum to less than 1
    logits = scores(draw, rows=rows, scale=1.0)
    for row in logits:
        row[draw.sample(range(len(row)), draw.randint(1, 3))] = -INFINITE
    logits[0, 0] = logits[1, -1] = -INFINITE
    nothing = nothing_seen(logits)
    left = [[token for token, logit in enumerate(row) if logit > -INFINITE] for row in logits.tolist()]
    first, last = torch.tensor([tokens[0] for tokens in left]), torch.tensor([tokens[-1] for tokens in left])
    below = 1 - 2**-24  # the last float32 below 1
    for turn in (0, 1):
        is_low = torch.arange(rows) % 2 == turn
        got = student.choose(logits, nothing, [], torch.where(is_low, 0.0, below))
        equal(got, torch.where(is_low, first, last), f"the tokens of {rows} rows, at 0 and just below 1 by turns")
