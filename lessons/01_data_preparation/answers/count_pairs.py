"""Known answers to `count_pairs`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "count_pairs",
        "ignores_counts",
        "Each word is counted once. A word seen nine times has its pairs nine times: add its count.",
        change=("counts.get(pair, 0) + count", "counts.get(pair, 0) + 1"),
    ),
    Wrong(
        "count_pairs",
        "skips_overlaps",
        "The pairs are taken two tokens at a time: first and second, third and fourth. The second and third are "
        "neighbours too.",
        change=("in pairwise(word):", "in zip(word[::2], word[1::2]):"),
    ),
    Wrong(
        "count_pairs",
        "misses_last",
        "The last pair of each word is missing. A word of n tokens has n - 1 pairs.",
        change=("in pairwise(word):", "in [(word[i], word[i + 1]) for i in range(len(word) - 2)]:"),
    ),
    Wrong(
        "count_pairs",
        "unordered",
        "(a, b) and (b, a) are counted as one pair. In text the order matters: 'no' is not 'on'.",
        change=(
            "counts[pair] = counts.get(pair, 0) + count",
            "pair = tuple(sorted(pair))\n            counts[pair] = counts.get(pair, 0) + count",
        ),
    ),
    Wrong(
        "count_pairs",
        "once_a_word",
        "A pair that stands in a word several times is counted once for it. Count each place.",
        change=("in pairwise(word):", "in set(pairwise(word)):"),
    ),
    Wrong(
        "count_pairs",
        "overwrites",
        "The count of the word replaces what was counted before. Add it to what is there.",
        change=("counts[pair] = counts.get(pair, 0) + count", "counts[pair] = count"),
    ),
    Wrong(
        "count_pairs",
        "across_words",
        "The end of one word and the start of the next are counted as a pair. Words are apart: look at each alone.",
        code="""
def count_pairs(words):
    counts = {}
    everything = [(token, count) for word, count in words.items() for token in word]
    for (left, count), (right, _) in zip(everything, everything[1:]):
        counts[left, right] = counts.get((left, right), 0) + count
    return counts
""",
    ),
    Wrong(
        "count_pairs",
        "empties_words",
        "The dictionary that was handed over is changed, as by words.popitem(): the caller's words are no longer "
        "what they were. Go through its items and leave them there.",
        change=(("    for word, count in words.items():", "    while words:\n        word, count = words.popitem()"),),
    ),
    Wrong(
        "count_pairs",
        "every_other",
        "Each token is paired with the one after its neighbour. A pair is a token and the very next one.",
        change=("pairwise(word)", "zip(word, word[2:], strict=False)"),
    ),
    Wrong(
        "count_pairs",
        "goes_round",
        "The last token is paired with the first, as if the word were a ring. A word of n tokens has n - 1 pairs.",
        change=("pairwise(word)", "zip(word, word[1:] + word[:1], strict=True)"),
    ),
    Right(
        "count_pairs",
        "with_counter",
        code="""
def count_pairs(words):
    counts = Counter()
    for word, times in words.items():
        for left, right in zip(word, word[1:]):
            counts[left, right] += times
    return counts
""",
    ),
    Right(
        "count_pairs",
        "by_index",
        code="""
def count_pairs(words):
    counts = {}
    for word in words:
        for i in range(len(word) - 1):
            pair = (word[i], word[i + 1])
            if pair not in counts:
                counts[pair] = 0
            counts[pair] += words[word]
    return counts
""",
    ),
    Right(
        "count_pairs",
        "with_defaultdict",
        code="""
def count_pairs(words):
    from collections import defaultdict

    pairs = defaultdict(int)
    for word, freq in words.items():
        symbols = list(word)
        for i in range(len(symbols) - 1):
            pairs[symbols[i], symbols[i + 1]] += freq
    return pairs
""",
    ),
]
