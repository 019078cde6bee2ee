"""What `most_likely` must do, case by case."""

from storyteller_course import Exercise, equal

from .oracles import LETTERS

most_likely = Exercise(
    "most_likely",
    points=20,
    stars=2,
    builds_on=("chances",),
    bug_hunt=True,
    hints=(
        "Try it on `abac` and on `acab`: the same pairs, another order.",
        "`max` gives the first of several that are equal. Which is the first in a dictionary?",
        "Sort by two things: a tuple compares its first parts, and its second only where the first are equal.",
    ),
)


@most_likely.case("finds the clear winner", points=0)
def a_winner(student, draw):
    for winner_comes_first in (True, False):  # in the alphabet
        first, *others = draw.sample(LETTERS, 3)
        winner, other = sorted(others, reverse=not winner_comes_first)
        text = (first + winner) * draw.randint(3, 5) + first + other
        equal(student.most_likely(text, first), winner, "the character")


@most_likely.case("takes the first in the alphabet of two that are equal", points=20)
def a_tie(student, draw):
    low, high = sorted(draw.sample(LETTERS, 2))
    # Both answers first, then the comparison: together they tell one wrong way to break ties from another.
    found = [student.most_likely(text, "-") for text in (f"-{high}-{low}", f"-{low}-{high}")]
    equal(found, [low, low], "the characters")
