"""Known answers to `bubble_fraction`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "bubble_fraction",
        "against_the_work",
        "This is the waiting over the working. The share of all turns is asked for.",
        change=("(turns - microbatches) / turns", "(turns - microbatches) / microbatches"),
    ),
    Wrong(
        "bubble_fraction",
        "working_share",
        "This is the share in which a device works.",
        change=("(turns - microbatches) / turns", "microbatches / turns"),
    ),
    Wrong(
        "bubble_fraction",
        "one_turn_too_many",
        "There is one turn too many: the last microbatch is in the first stage when the others have entered.",
        change=("microbatches + stages - 1", "microbatches + stages"),
    ),
    Right(
        "bubble_fraction",
        "direct",
        code="""
        def bubble_fraction(stages, microbatches):
            idle = stages - 1
            return idle / (microbatches + idle)
        """,
    ),
    Right(
        "bubble_fraction",
        "by_counting",
        code="""
        def bubble_fraction(stages, microbatches):
            cells = [(s, s + m) for s in range(stages) for m in range(microbatches)]
            turns = 1 + max(turn for _, turn in cells)
            return 1 - len(cells) / (stages * turns)
        """,
    ),
]
