"""Checks of a second lesson, which builds on the first through `use`."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "triple",
)
