"""Random texts and an oracle that several exercises share."""

LETTERS = "abcdef"


def slow_counts(text):
    """Obviously right: ask of every pair of characters how often it stands in the text."""
    pairs = [text[place : place + 2] for place in range(len(text) - 1)]
    return {a: {b: pairs.count(a + b) for b in set(text) if a + b in pairs} for a in set(text[:-1])}


def letters(draw, count=60):
    """A random text of a few letters."""
    return "".join(draw.choice(LETTERS) for _ in range(count))
