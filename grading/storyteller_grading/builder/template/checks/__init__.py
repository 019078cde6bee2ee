"""What the exercises of the lesson on guessing the next letter must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "count_next",
    "chances",
    "most_likely",
)
