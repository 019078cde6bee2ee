"""Known answers to `double`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong("double", "adds_two", "You add two; twice a number is the number `plus itself`.", change=("2 * x", "2 + x")),
    Wrong("double", "squares", "You square the number.", change=("2 * x", "x ** 2")),
    Right("double", "plus", code="def double(x):\n    return x + x"),
]
