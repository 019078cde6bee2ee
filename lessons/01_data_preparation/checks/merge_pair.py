"""What `merge_pair` must do, case by case."""

from storyteller_course import Exercise, equal, true
from storyteller_course.lesson_tools.data_preparation import joined

merge_pair = Exercise(
    "merge_pair",
    in_library="storyteller.tokenizer.training.PairCounts",
    points=9,
    stars=2,
    scaffold="goal",
    hints=(
        "A `for` loop always steps by one, and after a merge you must step by two. A `while` loop lets you choose.",
        "`word[place : place + 2]` is the pair that starts at `place`; at the last token it is shorter than two, so"
        " it equals no pair and needs no special case.",
        "Keep a list of what comes out: append the new id and step by 2 where the pair starts, append the token and"
        " step by 1 elsewhere; at the end make the list a tuple.",
    ),
)


@merge_pair.case("joins the pair wherever it stands", points=2)
def everywhere(student, draw):
    a, b, c, d = draw.sample(range(256), 4)
    equal(student.merge_pair((a, b, c), (a, b), 256), (256, c), "the word")
    equal(student.merge_pair((c, a, b, d, a, b), (a, b), 300), (c, 300, d, 300), "the word")
    equal(student.merge_pair((256, c, 300, 256, c), (256, c), 301), (301, 300, 301), "a word with ids above 255")


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
    equal(student.merge_pair((11, 2, 3), (1, 2), 256), (11, 2, 3), "a word whose digits have the pair's within")
    equal(student.merge_pair((3, 1, 25), (1, 2), 257), (3, 1, 25), "a word whose digits have the pair's within")


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
        a, b = draw.sample((1, 2, 11, 12, 112, 256, 300), 2)
        word, new_id = tuple(draw.choice((a, b)) for _ in range(30)), draw.randint(301, 900)
        equal(student.merge_pair(word, (a, b), new_id), joined(word, (a, b), new_id), "the word")
        equal(student.merge_pair(word, (a, a), new_id), joined(word, (a, a), new_id), "the word")
