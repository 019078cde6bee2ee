"""What the exercises of the lesson on guessing the next letter must do, case by case."""

from storyteller_course import Exercise, close, equal, raises

LETTERS = "abcdef"

count_next = Exercise(
    "count_next",
    points=40,
    stars=1,
    hints=(
        "Put a finger on each character but the last: its neighbour is what follows it.",
        "`pairwise(text)` gives all neighbours. Each character that has a follower gets a dictionary of its own.",
        "`setdefault(key, {})` gives the dictionary that is there, or puts an empty one there; `get(key, 0)` a count.",
    ),
)


def slow_counts(text):
    """Obviously right: ask of every pair of characters how often it stands in the text."""
    pairs = [text[place : place + 2] for place in range(len(text) - 1)]
    return {a: {b: pairs.count(a + b) for b in set(text) if a + b in pairs} for a in set(text[:-1])}


def letters(draw, count=60):
    """A random text of a few letters."""
    return "".join(draw.choice(LETTERS) for _ in range(count))


@count_next.case("counts each pair of neighbours, as often as it comes", points=20)
def pairs_of_letters(student, draw):
    text = letters(draw)
    equal(student.count_next(text), slow_counts(text), "the counts")


@count_next.case("takes spaces, capitals and the last character as they are", points=15)
def a_sentence(student, draw):
    text = "Tom " + draw.text(8) + " the End." + draw.choice(LETTERS)
    equal(student.count_next(text), slow_counts(text), "the counts")


@count_next.case("finds nothing in a text of one character", points=5)
def too_short(student, draw):
    equal(student.count_next(draw.choice(LETTERS)), {}, "the counts")


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
    first, second, third = draw.sample(LETTERS, 3)
    text = (first + second) * draw.randint(3, 5) + first + third
    equal(student.most_likely(text, first), second, "the character")


@most_likely.case("takes the first in the alphabet of two that are equal", points=20)
def a_tie(student, draw):
    low, high = sorted(draw.sample(LETTERS, 2))
    # Both answers first, then the comparison: together they tell one wrong way to break ties from another.
    found = [student.most_likely(text, "-") for text in (f"-{high}-{low}", f"-{low}-{high}")]
    equal(found, [low, low], "the characters")
