"""Known answers to `chances`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
            return {b: followers.count(b) / len(followers) for b in dict.fromkeys(followers)}
        """,
    ),
]
