"""What `chances` must do, case by case."""

from storyteller_course import Exercise, close, raises

from .oracles import LETTERS, letters, slow_counts

chances = Exercise(
    "chances",
    points=40,
    stars=2,
    scaffold="goal",
    builds_on=("count_next",),
    hints=(
        "Of ten characters that follow, three are an e: the chance of e is three in ten.",
        "The row of the letter holds the counts; what all of them add up to is the number to divide by.",
        "Ask for the row with a default, so that a letter without followers gives an empty one, and look at it first.",
    ),
)


@chances.case("gives each follower its share of the row", points=25)
def shares(student, draw):
    one, other = draw.sample(LETTERS, 2)
    close(student.chances(one + other, one), {other: 1.0}, "the chances with one follower")
    for length in draw.sample(range(30, 80), 2):
        text = letters(draw, length)
        for letter in sorted({text[0], text[-2]}):
            row = slow_counts(text)[letter]
            wanted = {follower: times / text[:-1].count(letter) for follower, times in row.items()}
            close(student.chances(text, letter), wanted, f"the chances of what follows {letter!r}")


@chances.case("raises a ValueError for a letter that is not there", points=8)
def not_there(student, draw):
    raises(ValueError, student.chances, letters(draw, 20), "z")


@chances.case("raises a ValueError for a letter that has nothing behind it", points=7)
def at_the_end(student, draw):
    raises(ValueError, student.chances, letters(draw, 20) + "z", "z")
