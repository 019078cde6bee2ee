"""What `length_statistics` must do, case by case."""

import numpy as np

from storyteller_course import Exercise, close, equal, raises

from .texts import WORDS, sentence

length_statistics = Exercise(
    "length_statistics",
    points=10,
    stars=1,
    hints=(
        "Percentiles are about order: sort the lengths first. Then index 0 is the 0th percentile and the last index"
        " the 100th.",
        "With n lengths the place of percentile p is p / 100 * (n - 1). It usually falls between two indices: "
        "`int(place)` is the lower one.",
        "The value is lower + fraction * (upper - lower), where fraction = place - int(place). At p = 100 there is "
        "no index above: take care that you do not read past the end.",
    ),
    forbidden=("numpy.percentile", "numpy.quantile", "numpy.median", "statistics.quantiles", "statistics.median"),
)


def texts_of(lengths, draw):
    """Texts with so many words."""
    return [" ".join(draw.choice(WORDS) for _ in range(length)) for length in lengths]


@length_statistics.case("counts texts and words, and finds mean, shortest and longest", points=2)
def totals(student, draw):
    lengths = draw.sample(range(3, 40), 7)
    got = student.length_statistics(texts_of(lengths, draw))
    names = ("texts", "words", "shortest", "longest")
    wanted = dict(zip(names, (7, sum(lengths), min(lengths), max(lengths)), strict=True))
    equal({name: got.get(name) for name in wanted}, wanted, "the statistics")
    close(got.get("mean"), np.mean(lengths), "the mean")


@length_statistics.case("interpolates percentiles between two lengths", points=3)
def between(student, draw):
    lengths = draw.sample(range(10, 90), 8)
    got = student.length_statistics(texts_of(lengths, draw))["percentiles"]
    close(got, {p: np.percentile(lengths, p) for p in (5, 50, 95)}, "the percentiles")


@length_statistics.case("reaches from the shortest (0) to the longest (100)", points=2)
def ends(student, draw):
    lengths = draw.sample(range(10, 90), 6)
    got = student.length_statistics(texts_of(lengths, draw), (0, 100))["percentiles"]
    close(got, {0: min(lengths), 100: max(lengths)}, "the percentiles")
    close(student.length_statistics(["a b c"])["percentiles"], {5: 3, 50: 3, 95: 3}, "the percentiles of one text")


@length_statistics.case("computes the percentiles that it is asked for", points=1)
def others(student, draw):
    lengths = draw.sample(range(10, 90), 11)
    asked = (10, 10 * draw.randint(3, 7), 90)  # places without a fraction
    got = student.length_statistics(texts_of(lengths, draw), asked)["percentiles"]
    close(got, {p: np.percentile(lengths, p) for p in asked}, "the percentiles")


@length_statistics.case("takes a word for what stands between white space of any kind", points=1)
def white_space(student, draw):
    text = sentence(draw) + "\n\n" + sentence(draw) + "  " + sentence(draw)
    equal(student.length_statistics([text, ""]).get("words"), 18, "the number of words")


@length_statistics.case("refuses an empty corpus with a ValueError", points=1)
def no_text(student, draw):
    raises(ValueError, student.length_statistics, [])
