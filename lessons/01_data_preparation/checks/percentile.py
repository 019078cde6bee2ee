"""What `percentile` must do, case by case."""

import numpy as np

from storyteller_course import Exercise, close, raises

percentile = Exercise(
    "percentile",
    points=6,
    stars=1,
    scaffold="blank",
    hints=(
        "Put the lengths in order. The first of them answers 0 and the last 100: which index answers 50?",
        "An index need not be whole. With five lengths, 95 is answered at 3.8: what do you have to look up, and what "
        "is the 0.8 for?",
        "`int(place)` is the index below. Go from the length there towards the next one, by what `int` has cut off. "
        "And at 100 there is no next one.",
    ),
    forbidden=("numpy.percentile", "numpy.quantile", "numpy.median", "statistics.quantiles", "statistics.median"),
)


@percentile.case("goes from one length towards the next", points=2)
def between(student, draw):
    for n_texts in draw.sample(range(6, 13, 2), 2):
        lengths = draw.sample(range(10, 90), n_texts)
        lengths[0] = lengths[1]  # two texts of one length count as two
        for p in (5, 50, 95):
            close(student.percentile(lengths, p), np.percentile(lengths, p), f"percentile {p}")


@percentile.case("reaches from the shortest (0) to the longest (100)", points=2)
def ends(student, draw):
    lengths = draw.sample(range(10, 90), 6)
    close(student.percentile(lengths, 0), min(lengths), "percentile 0")
    close(student.percentile(lengths, 100), max(lengths), "percentile 100")
    one = draw.randint(3, 60)
    for p in (0, 95, 100):
        close(student.percentile([one], p), one, f"percentile {p} of one text")


@percentile.case("takes any percentile, whole or not", points=1)
def others(student, draw):
    lengths = [*draw.sample(range(10, 90), 40), 0]  # a text may be empty
    for p in (90, 10 * draw.randint(3, 7), 10, 2.5, 37.5):  # some fall on an index
        close(student.percentile(lengths, p), np.percentile(lengths, p), f"percentile {p}")


@percentile.case("refuses an empty corpus with a ValueError", points=1)
def no_text(student, draw):
    raises(ValueError, student.percentile, [], draw.randint(5, 95))
