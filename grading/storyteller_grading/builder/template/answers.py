"""Known wrong answers, each with what its student should read, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

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
    Wrong(
        "chances",
        "of_the_text",
        "The counts are divided by the length of the text. A chance is a share of what follows this letter only.",
        change=("total = sum(row.values())", "total = len(text)"),
    ),
    Wrong(
        "chances",
        "of_the_kinds",
        "The counts are divided by the number of different followers. Divide by the sum of their counts.",
        change=("total = sum(row.values())", "total = len(row)"),
    ),
    Wrong(
        "chances",
        "percent",
        "These are percentages: they add up to 100. Chances add up to 1.",
        change=("count / total", "100 * count / total"),
    ),
    Wrong(
        "chances",
        "rounded_down",
        "Every chance is rounded down to a whole number: `//` divides whole numbers, `/` gives a fraction.",
        change=("count / total", "count // total"),
    ),
    Wrong(
        "chances",
        "silent",
        "Where nothing follows the letter, this gives an empty dictionary. Raise a ValueError, so that it is noticed.",
        change=('raise ValueError(f"nothing follows {letter!r} in the text")', "return {}"),
    ),
    Right(
        "chances",
        "in_a_loop",
        code="""
        def chances(text, letter):
            row = count_next(text).get(letter)
            if row is None:
                raise ValueError(letter)
            shares, total = {}, 0
            for count in row.values():
                total += count
            for follower in row:
                shares[follower] = row[follower] / total
            return shares
        """,
    ),
    Right(
        "chances",
        "of_the_followers",
        code="""
        def chances(text, letter):
            followers = [b for a, b in zip(text, text[1:]) if a == letter]
            if len(followers) == 0:
                raise ValueError("no followers")
            return {b: followers.count(b) / len(followers) for b in sorted(set(followers))}
        """,
    ),
    Given(
        "most_likely",
        change=(
            "    # Of equally probable ones the order of the text must not decide, or shuffling it changes the model.\n"
            "    return min(probable, key=lambda follower: (-probable[follower], follower))",
            "    return max(probable, key=probable.get)",
        ),
    ),
    Wrong(
        "most_likely",
        "the_first_seen",
        "Of two that are equally probable this takes the one that the text has first. The alphabet should decide.",
        change=(
            "min(probable, key=lambda follower: (-probable[follower], follower))",
            "max(probable, key=probable.get)",
        ),
    ),
    Wrong(
        "most_likely",
        "the_last_of_the_alphabet",
        "Of two that are equally probable this takes the last in the alphabet: `max` wants the largest letter too.",
        change=(
            "min(probable, key=lambda follower: (-probable[follower], follower))",
            "max(probable, key=lambda follower: (probable[follower], follower))",
        ),
    ),
    Wrong(
        "most_likely",
        "the_last_seen",
        "Of two that are equally probable this takes the one that the text has last. The alphabet should decide.",
        change=(
            "min(probable, key=lambda follower: (-probable[follower], follower))",
            "max(reversed(list(probable)), key=probable.get)",
        ),
    ),
    Wrong(
        "most_likely",
        "only_the_alphabet",
        "This looks at the alphabet alone. The alphabet decides only between those that are equally probable.",
        change=("(-probable[follower], follower)", "follower"),
    ),
    Wrong(
        "most_likely",
        "the_chance",
        "This gives the chance of the most probable character. Wanted is the character.",
        change=("min(probable, key=lambda follower: (-probable[follower], follower))", "max(probable.values())"),
    ),
    Right(
        "most_likely",
        "sorted_first",
        code="""
        def most_likely(text, letter):
            probable = chances(text, letter)
            return max(sorted(probable), key=probable.get)
        """,
    ),
    Right(
        "most_likely",
        "in_two_steps",
        code="""
        def most_likely(text, letter):
            probable = chances(text, letter)
            best = max(probable.values())
            return min(follower for follower, chance in probable.items() if chance == best)
        """,
    ),
]
