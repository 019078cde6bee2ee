"""Checks of a lesson that exists for the tests only."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "double",
    "counts",
    "shout",
    "quadruple",
    "mask_scores",
    "Scale",
    "count_up",
    "apply_twice",
    "clean",
)
