"""What `count_next` must do, case by case."""

from storyteller_course import Exercise, equal

from .oracles import LETTERS, letters, slow_counts

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


@count_next.case("counts each pair of neighbours, as often as it comes", points=20)
def pairs_of_letters(student, draw):
    for text in (letters(draw), letters(draw, draw.randint(20, 50))):
        equal(student.count_next(text), slow_counts(text), "the counts")
    equal(student.count_next("aaab"), {"a": {"a": 2, "b": 1}}, "the counts of 'aaab'")


@count_next.case("takes spaces, capitals and the last character as they are", points=15)
def a_sentence(student, draw):
    for start in ("Tom ", "  A "):
        text = start + draw.text(8) + " the End." + draw.choice(LETTERS)
        equal(student.count_next(text), slow_counts(text), "the counts")


@count_next.case("finds nothing in a text of one character", points=5)
def too_short(student, draw):
    for text in (draw.choice(LETTERS), ""):
        equal(student.count_next(text), {}, f"the counts of {text!r}")
