"""What `count_pairs` must do, case by case."""

from storyteller_course import Exercise, equal

from .oracles import slow_counts

count_pairs = Exercise(
    "count_pairs",
    in_library="storyteller.tokenizer.training.PairCounts",
    points=6,
    stars=1,
    scaffold="goal",
    hints=(
        "Two loops: one over the words with their counts, one over the neighbours inside a word.",
        "`pairwise(word)` gives the pairs of neighbours of a word, overlapping ones too.",
        "A pair that is not in the dictionary yet has count 0: `counts.get(pair, 0)`. What do you add to it, for a "
        "word seen nine times?",
    ),
)


@count_pairs.case("counts the neighbours in a word", points=1)
def one_word(student, draw):
    a, b, c, d = draw.sample(range(300), 4)
    equal(student.count_pairs({(a, b, c, d): 1}), {(a, b): 1, (b, c): 1, (c, d): 1}, "the counts")


@count_pairs.case("counts a pair as often as its word was seen", points=2)
def word_counts(student, draw):
    a, b, c, d = sorted(draw.sample(range(300), 4))
    words = {(d, c, b): draw.randint(2, 5), (c, b): draw.randint(6, 9), (b, c, a): draw.randint(10, 12)}
    equal(student.count_pairs(words), slow_counts(words), "the counts")


@count_pairs.case("counts pairs that overlap", points=2)
def overlapping(student, draw):
    a, b = draw.sample(range(300), 2)
    words = {(a, a, a): draw.randint(1, 3), (b, a, a, a, a): draw.randint(1, 3)}
    equal(student.count_pairs(words), slow_counts(words), "the counts")


@count_pairs.case("finds no pair where there is none", points=1)
def no_pair(student, draw):
    equal(student.count_pairs({}), {}, "the counts of no words")
    equal(student.count_pairs({(7,): 3, (draw.randint(8, 99),): 2}), {}, "the counts of words with one token")
