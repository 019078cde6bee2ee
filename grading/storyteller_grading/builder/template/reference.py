"""The answers of the lesson on guessing the next letter, plain and readable."""

from itertools import pairwise


def count_next(text: str) -> dict[str, dict[str, int]]:
    """Count which character follows which.

    Args:
        text: any text, spaces and punctuation included.

    Returns:
        `counts[a][b]`, how often `b` comes directly after `a`. What never happens is
        not in it.
    """
    # Step 1: begin with an empty dictionary of counts
    counts: dict[str, dict[str, int]] = {}
    # Step 2: go through all neighbours in the text, from the first pair to the last
    for first, second in pairwise(text):
        # Step 3: in the row of the first character, add one for the second
        row = counts.setdefault(first, {})
        row[second] = row.get(second, 0) + 1
    return counts


def chances(text: str, letter: str) -> dict[str, float]:
    """How probable is each character after `letter`?

    Args:
        text: what the counts are taken from.
        letter: one character.

    Returns:
        A number between 0 and 1 for each character that follows `letter` in the text;
        they add up to 1.

    Raises:
        ValueError: nothing follows `letter` in the text.
    """
    # Goal: the share of each follower in all that follow the letter, by follower
    # Step 1: look up the row of the letter in the counts
    row = count_next(text).get(letter, {})
    # Step 2: where nothing follows the letter, raise a ValueError that names it
    if not row:
        raise ValueError(f"nothing follows {letter!r} in the text")
    # Step 3: divide each count by the sum of the row
    total = sum(row.values())
    return {follower: count / total for follower, count in row.items()}


def most_likely(text: str, letter: str) -> str:
    """The most probable follower of `letter`; of equals the first in the alphabet.

    Args:
        text: what the counts are taken from.
        letter: one character that something follows.

    Returns:
        One character.
    """
    probable = chances(text, letter)
    # Of equally probable ones the order of the text must not decide, or shuffling it changes the model.
    return min(probable, key=lambda follower: (-probable[follower], follower))
