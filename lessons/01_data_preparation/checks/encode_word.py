"""What `encode_word` must do, case by case."""

from storyteller.tokenizer import byte_ids
from storyteller_course import Exercise, equal
from storyteller_course.lesson_tools.data_preparation import joined

from .oracles import trained
from .texts import WORDS, story

encode_word = Exercise(
    "encode_word",
    in_library="storyteller.tokenizer.encoding.Encoder",
    points=13,
    stars=3,
    scaffold="blank",
    builds_on=("merge_pair",),
    hints=(
        "Do not walk through the word and merge what you meet. Look at all its pairs, choose one, merge it, look "
        "again.",
        "Which pair was learned earliest? A dictionary from pair to its place in `merges` answers this; pairs that "
        "it does not have cannot be merged at all.",
        "min(the pairs of the word that have a rank, key=their rank), then `merge_pair(word, pair, 256 + rank)`, in a "
        "`while` loop that ends when no pair has a rank.",
    ),
    forbidden=("storyteller.tokenizer.Tokenizer.encode",),
)


def in_order_learned(word, merges):
    """Every merge there is, one after the other: slow and obviously right."""
    for new_id, pair in enumerate(merges, start=256):
        word = joined(word, pair, new_id)
    return word


@encode_word.case("merges the pair that was learned earliest, wherever it stands", points=5)
def by_rank(student, draw):
    a, b, c, d = draw.sample(range(256), 4)
    merges = [(b, c), (a, 256), (a, b), (c, d)]  # bc, a+bc, ab, cd
    for word in [(b, c, d), (a, b, c), (a, b, c, d), (d, a, b, c, d)]:
        equal(student.encode_word(word, merges), in_order_learned(word, merges), "the tokens")
    merges = [(b, c), (a, b)]
    equal(student.encode_word((a, b, c), merges), (a, 256), "the tokens")
    merges = [(c, d), (b, c), (a, b)]
    equal(student.encode_word((a, b, c, d), merges), (258, 256), "the tokens")


@encode_word.case("goes on with what its own merges make", points=3)
def chains(student, draw):
    a, b, c, d = draw.sample(range(256), 4)
    merges = [(a, b), (c, d), (256, 257), (258, 258)]
    equal(student.encode_word((a, b, c, d), merges), (258,), "the tokens")
    equal(student.encode_word((a, b, c, d) * 4, merges), (259, 259), "the tokens")
    equal(student.encode_word((a, b, c, c, d), merges), (256, c, 257), "the tokens")


@encode_word.case("merges a pair wherever the word has it", points=2)
def repeated(student, draw):
    a, b, c = draw.sample(range(256), 3)
    equal(student.encode_word((a, b, c, a, b), [(a, b)]), (256, c, 256), "the tokens")
    equal(student.encode_word((a, a, a), [(a, a)]), (256, a), "the tokens")
    merges = [(b, c), (c, a)]
    equal(student.encode_word((b, c, a, c, a), merges), (256, a, 257), "a word that has a later pair more often")
    merges = [(b, c), (a, a)]
    equal(student.encode_word((a, a, b, c, a, a, a), merges), (257, 256, 257, a), "the tokens")


@encode_word.case("leaves alone what has no merge", points=1)
def nothing_to_do(student, draw):
    a, b = draw.sample(range(256), 2)
    equal(student.encode_word((a, b), []), (a, b), "the tokens without merges")
    equal(student.encode_word((a,), [(a, b)]), (a,), "the word of one token")
    equal(student.encode_word((b, a), [(a, b)]), (b, a), "the word with the pair the other way round")


@encode_word.case("agrees with applying every merge in turn, on real words", points=2)
def real_words(student, draw):
    merges = trained([story(draw, 4)], 60)
    for word in draw.sample(WORDS, 8):
        start = byte_ids(" " + word + draw.choice(["", "s", "ing"]))
        equal(student.encode_word(start, merges), in_order_learned(start, merges), f"the tokens of {word!r}")
