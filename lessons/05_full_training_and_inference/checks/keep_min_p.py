"""What `keep_min_p` must do, case by case."""

from storyteller_course import Exercise, equal, unchanged

from .oracles import chances, far_apart, kept_only, scores, some_removed

keep_min_p = Exercise(
    "keep_min_p",
    points=5,
    stars=2,
    scaffold="blank",
    bonus=True,
    hints=(
        "With min_p = 0.1: in a row whose likeliest token has p = 0.8 a token needs 0.08. What does it need where the "
        "likeliest has 0.05?",
        "The threshold is another one in each row: keep its dimension, (B, 1).",
        "Softmax, amax with keepdim=True, compare, masked_fill. What is given back are logits, not probabilities.",
    ),
    stand_in="storyteller.inference.sampling.keep_min_p",
)


def likely_enough(row, min_p):
    p = chances(row)
    return [token for token in range(len(p)) if p[token] / max(p) >= min_p]


def away_from_the_edges(logits, min_ps):
    """The first threshold that no token comes near to, so that rounding decides nothing; None if there is none."""
    for min_p in min_ps:
        if all(abs(p / max(chances(row)) / min_p - 1) > 1e-3 for row in logits for p in chances(row)):
            return min_p
    return None


def check_threshold(student, draw, make, min_ps, what):
    min_p = None
    while min_p is None:
        logits = make()
        min_p = away_from_the_edges(logits, draw.sample(min_ps, len(min_ps)))
    wanted = kept_only(logits, [likely_enough(row, min_p) for row in logits])
    equal(student.keep_min_p(logits, min_p), wanted, f"{what} with min_p={min_p}")


@keep_min_p.case("keeps what is likely enough beside the likeliest", points=3)
def beside_the_likeliest(student, draw):
    check_threshold(student, draw, lambda: scores(draw, rows=1), [0.05, 0.1, 0.3], "the logits of one row")
    check_threshold(student, draw, lambda: far_apart(draw, scores(draw, rows=1)), [0.2, 0.6],
                    "logits that lie far from 0")  # fmt: skip
    check_threshold(student, draw, lambda: some_removed(draw, scores(draw, rows=1)), [0.05, 0.1, 0.3],
                    "a row of which a filter has removed some tokens")  # fmt: skip


@keep_min_p.case("has another threshold in each row", points=2)
def each_row(student, draw):
    def unlike():
        logits = scores(draw, rows=draw.randint(3, 5))
        logits[0] /= 10  # all nearly alike: all stay
        logits[1] -= logits[1].max()
        logits[1, draw.randrange(logits.size(1))] = 3.0  # far likelier than all others
        return logits

    for _ in range(2):
        check_threshold(student, draw, unlike, [0.25, 0.4], "the logits of several rows")
        unchanged(student)
