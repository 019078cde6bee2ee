"""What `counts` must do, case by case."""

from collections import Counter

from storyteller_course import Exercise, equal, raises, unchanged

from .hints import HINTS

counts = Exercise("counts", points=4, stars=2, forbidden=("collections.Counter",), hints=HINTS)


@counts.case("counts each word", points=2)
def counts_words(student, draw):
    words = [draw.choice("abcdefgh") for _ in range(12)] + ["a", "a"]
    equal(student.counts(words), Counter(words), "the counts")


@counts.case("leaves its argument as it was", points=1)
def pure(student, draw):
    student.counts(["b", "a"])
    unchanged(student)


@counts.case("refuses what is no list of words", points=1)
def refuses(student, draw):
    raises(TypeError, student.counts, 7)
