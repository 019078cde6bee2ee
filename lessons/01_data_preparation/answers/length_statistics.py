"""Known answers to `length_statistics`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "length_statistics",
        "unsorted",
        "The lengths are in the order of the texts. Percentiles, shortest and longest need them sorted.",
        change=("sorted(len(text.split()) for text in texts)", "[len(text.split()) for text in texts]"),
    ),
    Wrong(
        "length_statistics",
        "lower_neighbour",
        "The place of a percentile falls between two texts, and the lower one's length is taken. Go on from it "
        "towards the upper one by the fraction of the place.",
        change=("+ (place - lower) * (lengths[upper] - lengths[lower])", ""),
    ),
    Wrong(
        "length_statistics",
        "n_instead_of_n_minus_1",
        "The place is computed from n. Indices go from 0 to n - 1, so the 100th percentile is at n - 1.",
        change=("place = p / 100 * (len(lengths) - 1)", "place = min(p / 100 * len(lengths), len(lengths) - 1)"),
    ),
    Wrong(
        "length_statistics",
        "characters",
        "The lengths are counted in characters; words are wanted.",
        change=("sorted(len(text.split()) for text in texts)", "sorted(len(text) for text in texts)"),
    ),
    Wrong(
        "length_statistics",
        "single_spaces",
        'split(" ") cuts at each single space: two spaces make an empty word, and a line break joins two words. '
        "split() without an argument cuts at white space of any kind.",
        change=("text.split())", 'text.split(" "))'),
    ),
    Wrong(
        "length_statistics",
        "fixed_percentiles",
        "These are the 5th, 50th and 95th percentile whatever is asked for. Go through the argument `percentiles`.",
        change=("for p in percentiles:", "for p in (5, 50, 95):"),
    ),
    Wrong(
        "length_statistics",
        "empty_is_zero",
        "An empty corpus has no mean and no percentile. Zeros would go through the whole pipeline unseen: raise a "
        "ValueError.",
        change=('raise ValueError("there is no text to measure")', "lengths = [0]"),
    ),
    Wrong(
        "length_statistics",
        "whole_mean",
        "The mean is cut to a whole number. Divide with /, not with //.",
        change=("sum(lengths) / len(lengths)", "sum(lengths) // len(lengths)"),
    ),
    Right(
        "length_statistics",
        "by_weights",
        code="""
def length_statistics(texts, percentiles=(5, 50, 95)):
    import math

    if len(texts) == 0:
        raise ValueError("no texts")
    lengths = []
    for text in texts:
        lengths.append(len(text.split()))
    lengths.sort()
    n = len(lengths)
    values = {}
    for p in percentiles:
        place = (n - 1) * p / 100
        low, high = math.floor(place), math.ceil(place)
        values[p] = lengths[low] if low == high else lengths[low] * (high - place) + lengths[high] * (place - low)
    total = sum(lengths)
    return dict(texts=n, words=total, mean=total / n, shortest=lengths[0], longest=lengths[-1], percentiles=values)
""",
    ),
    Right(
        "length_statistics",
        "with_numpy_interp",
        code="""
def length_statistics(texts, percentiles=(5, 50, 95)):
    import numpy as np

    lengths = np.sort([len(text.split()) for text in texts])
    if lengths.size == 0:
        raise ValueError("there is no text")
    places = np.linspace(0, 100, lengths.size) if lengths.size > 1 else np.array([50.0])
    return {
        "texts": lengths.size,
        "words": lengths.sum(),
        "mean": lengths.mean(),
        "shortest": lengths.min(),
        "longest": lengths.max(),
        "percentiles": {p: np.interp(p, places, lengths) for p in percentiles},
    }
""",
    ),
]
