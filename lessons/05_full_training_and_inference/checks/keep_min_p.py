"""What `keep_min_p` must do, case by case."""

from storyteller_course import Exercise, equal, unchanged

from .oracles import chances, kept_only, scores

keep_min_p = Exercise(
    "keep_min_p",
    points=5,
    stars=2,
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


@keep_min_p.case("keeps what is likely enough beside the likeliest", points=3)
def beside_the_likeliest(student, draw):
    logits, min_p = scores(draw, rows=1), draw.choice([0.05, 0.1, 0.3])
    equal(student.keep_min_p(logits, min_p), kept_only(logits, [likely_enough(logits[0], min_p)]),
          f"the logits with min_p={min_p}")  # fmt: skip


@keep_min_p.case("has another threshold in each row", points=2)
def each_row(student, draw):
    logits, min_p = scores(draw, rows=4), draw.choice([0.1, 0.2])
    logits[0] /= 10  # all nearly alike: all stay
    logits[1, draw.randrange(7)] += 1.5
    wanted = kept_only(logits, [likely_enough(row, min_p) for row in logits])
    equal(student.keep_min_p(logits, min_p), wanted, f"the logits of four rows with min_p={min_p}")
    unchanged(student)
