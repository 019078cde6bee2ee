"""Known answers to `count_up`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong(
        "count_up",
        "from_next",
        "You count before you yield.",
        change=("yield start\n        start += 1", "start += 1\n        yield start"),
    ),
]
