"""What `merge_pair` must do, case by case."""

from storyteller_course import Exercise, equal, true
from storyteller_course.lesson_tools.data_preparation import joined

merge_pair = Exercise(
    "merge_pair",
    in_library="storyteller.tokenizer.training.PairCounts",
    points=10,
    stars=2,
    hints=(
        "A `for` loop always steps by one, and after a merge you must step by two. A `while` loop lets you choose.",
        "`word[place : place + 2]` is the pair that starts at `place`; at the last token it is shorter than two, so"
        " it equals no pair and needs no special case.",
        "Keep a list of what comes out: append the new id and step by 2 where the pair starts, append the token and"
        " step by 1 elsewhere; at the end make the list a tuple.",
    ),
)


@merge_pair.case("joins the pair wherever it stands", points=3)
def everywhere(student, draw):
    a, b, c, d = draw.sample(range(256), 4)
    equal(student.merge_pair((a, b, c), (a, b), 256), (256, c), "the word")
    equal(student.merge_pair((c, a, b, d, a, b), (a, b), 300), (c, 300, d, 300), "the word")


@merge_pair.case("goes from left to right where pairs overlap", points=3)
def overlaps(student, draw):
    a, b = draw.sample(range(256), 2)
    equal(student.merge_pair((a, a, a), (a, a), 256), (256, a), "the word")
    equal(student.merge_pair((b, a, a, a, a, a), (a, a), 256), (b, 256, 256, a), "the word")


@merge_pair.case("leaves words without the pair as they are", points=1)
def without(student, draw):
    a, b, c = draw.sample(range(256), 3)
    equal(student.merge_pair((a, c, b), (a, b), 256), (a, c, b), "the word")
    equal(student.merge_pair((a,), (a, b), 256), (a,), "the word of one token")


@merge_pair.case("tells (a, b) from (b, a)", points=1)
def order(student, draw):
    a, b = draw.sample(range(256), 2)
    equal(student.merge_pair((b, a, a, b), (a, b), 256), (b, a, 256), "the word")


@merge_pair.case("gives back a tuple, which can be a key of a dictionary", points=1)
def hashable(student, draw):
    a, b, c = draw.sample(range(256), 3)
    got = student.merge_pair((a, b, c), (a, b), 256)
    equal(got, (256, c), "the word")
    true(
        isinstance(got, tuple), f"You gave back a {type(got).__name__}. Words are keys of dictionaries: return a tuple."
    )


@merge_pair.case("agrees with a text search on long words", points=1)
def long_words(student, draw):
    for _ in range(5):
        word = tuple(draw.choice((1, 2)) for _ in range(30))
        equal(student.merge_pair(word, (1, 2), 256), joined(word, (1, 2), 256), "the word")
        equal(student.merge_pair(word, (1, 1), 256), joined(word, (1, 1), 256), "the word")
