"""Known answers to `apply_twice`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong(
        "apply_twice",
        "same_twice",
        "The second call must get what the first one gave.",
        change=("return step(step(x))", "step(x)\n    return step(x)"),
    ),
]
