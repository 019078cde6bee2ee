"""What `bubble_fraction` must do, case by case."""

from storyteller_course import Exercise, close

bubble_fraction = Exercise(
    "bubble_fraction",
    points=4,
    stars=1,
    scaffold="goal",
    bonus=True,
    hints=(
        "Draw it: two stages, three microbatches. How many turns are there, and in how many does the first stage work?",
        "The last microbatch enters after all others, and then has to go through all stages.",
        "Each device works in as many turns as there are microbatches.",
    ),
)


def slow(stages, microbatches):
    """Turn by turn."""
    busy, turn, left = 0, 0, 0
    while left < microbatches:
        for stage in range(stages):
            number = turn - stage  # of the microbatch that is there
            if 0 <= number < microbatches:
                busy += 1
                left += stage == stages - 1
        turn += 1
    return 1 - busy / (turn * stages)


@bubble_fraction.case("counts the turns in which a device waits", points=3)
def counted(student, draw):
    for stages, microbatches in ((2, 3), (draw.randint(3, 6), draw.randint(7, 20)), (draw.randint(7, 9), 4)):
        got = student.bubble_fraction(stages, microbatches)
        close(got, slow(stages, microbatches), f"{stages} stages and {microbatches} microbatches")


@bubble_fraction.case("is right at the edges too", points=1)
def edges(student, draw):
    for stages, microbatches in ((draw.randint(2, 9), 1), (1, draw.randint(2, 9))):
        got = student.bubble_fraction(stages, microbatches)
        close(got, slow(stages, microbatches), f"{stages} stages and {microbatches} microbatches")
