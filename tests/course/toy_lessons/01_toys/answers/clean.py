"""Known answers to `clean`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given

answers = [
    Given("clean", change=('" ".join(text.split())', "text.strip()")),
]
