"""Known answers to `percentile`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "percentile",
        "unsorted",
        "The lengths are in the order of the texts. A percentile is about their order by size: sort them.",
        change=("sorted(lengths)", "list(lengths)"),
    ),
    Wrong(
        "percentile",
        "lower_neighbour",
        "The place of a percentile falls between two texts, and the lower one's length is taken. Go on from it "
        "towards the upper one by the fraction of the place.",
        change=("+ (place - lower) * (ordered[upper] - ordered[lower])", ""),
    ),
    Wrong(
        "percentile",
        "n_instead_of_n_minus_1",
        "The place is computed from n. Indices go from 0 to n - 1, so the 100th percentile is at n - 1.",
        change=("place = p / 100 * (len(ordered) - 1)", "place = min(p / 100 * len(ordered), len(ordered) - 1)"),
    ),
    Wrong(
        "percentile",
        "different_lengths",
        "Texts of one length are counted once, because the lengths went through a set or a dictionary. Each text "
        "counts.",
        change=("sorted(lengths)", "sorted(set(lengths))"),
    ),
    Wrong(
        "percentile",
        "empty_is_zero",
        "An empty corpus has no percentile. A zero would go through the whole pipeline unseen: raise a ValueError.",
        change=('raise ValueError("there is no text to measure")', "return 0.0"),
    ),
    Wrong(
        "percentile",
        "sorts_the_lengths",
        "The list of lengths itself is changed, as by lengths.sort(): the caller finds another list afterwards. Sort "
        "a copy.",
        change=("    ordered = sorted(lengths)", "    lengths.sort()\n    ordered = lengths"),
    ),
    Wrong(
        "percentile",
        "whole_percentiles",
        "A percentile with a fraction, such as 2.5, is cut to a whole number.",
        change=("place = p / 100 *", "place = int(p) / 100 *"),
    ),
    Right(
        "percentile",
        "by_weights",
        code="""
def percentile(lengths, p):
    import math

    if len(lengths) == 0:
        raise ValueError("no texts")
    values = sorted(lengths)
    place = (len(values) - 1) * p / 100
    low, high = math.floor(place), math.ceil(place)
    return values[low] if low == high else values[low] * (high - place) + values[high] * (place - low)
""",
    ),
    Right(
        "percentile",
        "with_numpy_interp",
        code="""
def percentile(lengths, p):
    import numpy as np

    if not len(lengths):
        raise ValueError("there is no text")
    if len(lengths) == 1:
        return lengths[0]
    return float(np.interp(p, np.linspace(0, 100, len(lengths)), np.sort(lengths)))
""",
    ),
]
