"""What `train_bpe_fast` must do, case by case."""

from storyteller_course import Exercise, equal, true

from .oracles import byte_id, trained, without_ties
from .texts import story

train_bpe_fast = Exercise(
    "train_bpe_fast",
    in_library="storyteller.tokenizer.training.learn_merges",
    points=10,
    stars=3,
    scaffold="blank",
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
    limit=10.0,
)


@train_bpe_fast.case("learns the same merges as the plain loop", points=2)
def same_merges(student, draw):
    texts = without_ties(draw, 6)
    equal(student.train_bpe_fast(texts, 6), trained(texts, 6), "the merges")


@train_bpe_fast.case("keeps the counts right where a pair touches itself", points=2)
def touching(student, draw):
    a, b = draw.sample("bcdfghjklmnpqrstvwxyz", 2)
    texts = [a * 9, a * 5 + b, b + a * 4, (a + b) * 4, (b + a) * 3]
    equal(student.train_bpe_fast(texts, 8), trained(texts, 8), "the merges")


@train_bpe_fast.case("settles ties as before and stops when no pair is left", points=1)
def ties_and_end(student, draw):
    a, b, c, d = sorted(draw.sample("bcdfghjklmnpqrstvwxyz", 4))
    wanted = [(byte_id(a), byte_id(d)), (byte_id(b), byte_id(c)), (byte_id(c), byte_id(a))]
    equal(student.train_bpe_fast([b + c, c + a, a + d], 9), wanted, "the merges")
    equal(student.train_bpe_fast([], 5), [], "the merges of no texts")
    texts = [story(draw, 4), story(draw, 4)]
    equal(student.train_bpe_fast(texts, 60), trained(texts, 60), "the merges of two stories")


@train_bpe_fast.case("leaves the words alone that do not hold the merged pair", points=5)
def little_work(student, draw):
    letters = draw.sample("abcdefghijklmnopqrstuvwxyz", 20)
    rare = ["".join(draw.choices(letters[:10], k=10)) for _ in range(draw.randint(200, 250))]
    often = "".join(letters[10:])  # the most frequent word, which alone holds the first ten merges
    n_merges, text = draw.randint(8, 10), " ".join([*rare, *[often] * 60])
    counter = student.make("line_counter")
    for n in (1, n_merges):
        counter.method("start")
        try:
            got = student.train_bpe_fast([text], n)
        finally:
            counter.method("stop")
        equal(got, trained([text], n), "the merges")
    n_pairs = 10 * len(set(rare))
    true(
        not counter.method("grew_by_more_than", (n_merges - 1) * n_pairs),
        f"The text has about {n_pairs:,} pairs, and a merge changes one word of {len(set(rare))}. Yet your code goes "
        "through all words again at each merge.",
    )
