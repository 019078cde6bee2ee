"""What `wordpiece_scores` must do, case by case."""

from collections import Counter
from itertools import pairwise

from storyteller_course import Exercise, close

wordpiece_scores = Exercise(
    "wordpiece_scores",
    points=6,
    stars=2,
    builds_on=("count_pairs",),
    bonus=True,
    hints=(
        "You have the numerator already: `count_pairs`. The denominator needs the count of each single token.",
        "Count a token once for every place it has in a word, times the count of the word.",
        "Go through `count_pairs(words).items()` and divide each count by tokens[left] * tokens[right].",
    ),
)


def slow_scores(words):
    """Write everything out, then count."""
    written = [word for word, count in words.items() for _ in range(count)]
    tokens = Counter(token for word in written for token in word)
    pairs = Counter(pair for word in written for pair in pairwise(word))
    return {pair: pairs[pair] / tokens[pair[0]] / tokens[pair[1]] for pair in pairs}


@wordpiece_scores.case("divides a pair's count by the counts of its two tokens", points=2)
def quotient(student, draw):
    a, b, c = draw.sample(range(256), 3)
    got = student.wordpiece_scores({(a, b, c): 1, (a, c): 1, (a,): 1})
    close(got, {(a, b): 1 / 3, (b, c): 1 / 2, (a, c): 1 / 6}, "the scores")


@wordpiece_scores.case("counts words as often as they were seen", points=2)
def seen_often(student, draw):
    a, b, c, d = draw.sample(range(256), 4)
    words = {(a, b, c): draw.randint(2, 5), (b, c): draw.randint(6, 9), (d, a): draw.randint(2, 9)}
    close(student.wordpiece_scores(words), slow_scores(words), "the scores")


@wordpiece_scores.case("counts a token once for every place it has in a word", points=2)
def every_place(student, draw):
    a, b = draw.sample(range(256), 2)
    words = {(a, b, a, a): draw.randint(2, 5), (b, b): draw.randint(2, 5)}
    close(student.wordpiece_scores(words), slow_scores(words), "the scores")
