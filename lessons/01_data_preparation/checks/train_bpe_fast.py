"""What `train_bpe_fast` must do, case by case."""

from storyteller_course import Exercise, equal

from .oracles import byte_id, trained, without_ties
from .texts import story

train_bpe_fast = Exercise(
    "train_bpe_fast",
    in_library="storyteller.tokenizer.training.learn_merges",
    points=10,
    stars=3,
    builds_on=("count_pairs", "merge_pair"),
    bonus=True,
    hints=(
        "Only words that hold the merged pair change. If you know which these are, all others can be left alone.",
        "Keep a dictionary from pair to the set of words that hold it. For a word that changes: take all its old "
        "pairs out of the counts, put all its new ones in. No need to work out by hand which neighbours changed.",
        "While you go through the set of words of the best pair, you change that very set: go through a copy. Drop "
        "pairs whose count has fallen to 0 before you choose the next best.",
    ),
    forbidden=(
        "storyteller.tokenizer.training.learn_merges",
        "storyteller.tokenizer.Tokenizer.train",
        "train_bpe",
    ),
)


@train_bpe_fast.case("learns the same merges as the plain loop", points=5)
def same_merges(student, draw):
    texts = without_ties(draw, 6)
    equal(student.train_bpe_fast(texts, 6), trained(texts, 6), "the merges")


@train_bpe_fast.case("keeps the counts right where a pair touches itself", points=3)
def touching(student, draw):
    a, b = draw.sample("bcdfghjklmnpqrstvwxyz", 2)
    texts = [a * 9, a * 5 + b, b + a * 4, (a + b) * 4, (b + a) * 3]
    equal(student.train_bpe_fast(texts, 8), trained(texts, 8), "the merges")


@train_bpe_fast.case("settles ties as before and stops when no pair is left", points=2)
def ties_and_end(student, draw):
    a, b, c, d = sorted(draw.sample("bcdfghjklmnpqrstvwxyz", 4))
    wanted = [(byte_id(a), byte_id(d)), (byte_id(b), byte_id(c)), (byte_id(c), byte_id(a))]
    equal(student.train_bpe_fast([b + c, c + a, a + d], 9), wanted, "the merges")
    equal(student.train_bpe_fast([], 5), [], "the merges of no texts")
    texts = [story(draw, 4), story(draw, 4)]
    equal(student.train_bpe_fast(texts, 60), trained(texts, 60), "the merges of two stories")
