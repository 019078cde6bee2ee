"""Known answers to `clean`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Wrong

answers = [
    Given("clean", change=('" ".join(text.split())', "text.strip()")),
    Wrong("clean", "as_given", "This is the code as it was given.", change=('" ".join(text.split())', "text.strip()")),
]
