"""What `chances` must do, case by case."""

from storyteller_course import Exercise, close, raises

from .oracles import letters, slow_counts

chances = Exercise(
    "chances",
    points=40,
    stars=2,
    builds_on=("count_next",),
    hints=(
        "Of ten characters that follow, three are an e: the chance of e is three in ten.",
        "The row of the letter holds the counts; what all of them add up to is the number to divide by.",
        "Ask for the row with a default, so that a letter without followers gives an empty one, and look at it first.",
    ),
)


@chances.case("gives each follower its share of the row", points=25)
def shares(student, draw):
    text = letters(draw)
    row = slow_counts(text)[text[0]]
    share = {one: times / (text[:-1].count(text[0])) for one, times in row.items()}
    close(student.chances(text, text[0]), share, "the chances")


@chances.case("raises a ValueError where nothing follows", points=15)
def nothing_follows(student, draw):
    raises(ValueError, student.chances, letters(draw, 20), "z")
