"""Known answers to `count_next`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "count_next",
        "counts_once",
        "Each pair is counted once, however often it comes. Add one to the count that is there already.",
        change=("row[second] = row.get(second, 0) + 1", "row[second] = 1"),
    ),
    Wrong(
        "count_next",
        "misses_the_last",
        "The last pair of the text is missing. The text has one pair less than it has characters, not two.",
        change=("pairwise(text)", "pairwise(text[:-1])"),
    ),
    Wrong(
        "count_next",
        "backwards",
        "The counts are the wrong way round: this says what comes before each character, not what comes after it.",
        change=("for first, second in", "for second, first in"),
    ),
    Wrong(
        "count_next",
        "every_second_pair",
        "The text is cut into pairs. Neighbours overlap: abc has the pairs ab and bc.",
        change=("pairwise(text)", "zip(text[::2], text[1::2])"),
    ),
    Wrong(
        "count_next",
        "lower_case",
        "Capitals are turned into small letters. To the model T and t are different characters; count them apart.",
        change=("pairwise(text)", "pairwise(text.lower())"),
    ),
    Wrong(
        "count_next",
        "no_spaces",
        "Spaces are left out, so that the end of a word seems to be followed by the next word. A space is a character.",
        change=("pairwise(text)", 'pairwise(text.replace(" ", ""))'),
    ),
    Right(
        "count_next",
        "with_counters",
        code="""
        def count_next(text):
            from collections import Counter, defaultdict

            counts = defaultdict(Counter)
            for place in range(1, len(text)):
                counts[text[place - 1]][text[place]] += 1
            return counts
        """,
    ),
    Right(
        "count_next",
        "with_sets",
        code="""
        def count_next(text):
            pairs = list(zip(text, text[1:]))
            return {a: {b: pairs.count((a, b)) for c, b in set(pairs) if c == a} for a, _ in set(pairs)}
        """,
    ),
]
