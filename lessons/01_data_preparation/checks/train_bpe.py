"""What `train_bpe` must do, case by case."""

from storyteller.tokenizer import byte_ids
from storyteller_course import Exercise, equal

from .oracles import byte_id, trained, without_ties

train_bpe = Exercise(
    "train_bpe",
    in_library="storyteller.tokenizer.training.learn_merges",
    points=19,
    stars=3,
    scaffold="blank",
    builds_on=("count_pairs", "merge_pair"),
    hints=(
        "You have the two parts: `count_pairs` says which pair to merge, `merge_pair` does it. Training is a loop "
        "of the two.",
        "Step 1 is a `Counter` over `byte_ids(word)` for each word of each text. In step 3 `min` with a key does "
        "both at once: what must be small for the best pair?",
        "key=lambda pair: (-counts[pair], pair): the highest count first, then the smallest ids. In step 4 build a new "
        "dictionary: merged word -> its old count.",
    ),
    forbidden=(
        "storyteller.tokenizer.training.learn_merges",
        "storyteller.tokenizer.Tokenizer.train",
        "train_bpe_fast",
    ),
)


@train_bpe.case("merges the most frequent pair first", points=3)
def first_merge(student, draw):
    a, b, c, d = draw.sample("bcdfghjklmnpqrstvwxyz", 4)
    texts = [a + b + c, a + b + d, a + b]
    equal(student.train_bpe(texts, 1), [(byte_id(a), byte_id(b))], "the merges")


@train_bpe.case("counts anew after each merge and builds on earlier merges", points=4)
def several(student, draw):
    a, b, c, d = draw.sample("bcdfghjklmnpqrstvwxyz", 4)
    texts = [a + b + c + d] * 4 + [a + b + c] * 3 + [a + b] * 2
    wanted = [(byte_id(a), byte_id(b)), (256, byte_id(c)), (257, byte_id(d))]
    equal(student.train_bpe(texts, 3), wanted, "the merges")
    texts = without_ties(draw, 6)
    equal(student.train_bpe(texts, 6), trained(texts, 6), "the merges")


@train_bpe.case("counts a word as often as the texts have it", points=2)
def frequent_words(student, draw):
    a, b, c, d, e = draw.sample("bcdfghjklmnpqrstvwxyz", 5)
    # Four different words have a b, one word has c d, but that one is seen nine times.
    texts = [a + b, a + b + e, e + a + b, e + e + a + b, *[c + d] * 9]
    equal(student.train_bpe(texts, 2), [(byte_id(c), byte_id(d)), (byte_id(a), byte_id(b))], "the merges")


@train_bpe.case("settles ties by the rule, whoever came first", points=5)
def ties(student, draw):
    letters = sorted(draw.sample("bcdfghjklmnpqrstvwxyz", 4))
    a, b, c, d = letters
    wanted = [(byte_id(a), byte_id(d)), (byte_id(b), byte_id(c)), (byte_id(c), byte_id(a))]
    equal(student.train_bpe([b + c, c + a, a + d], 3), wanted, "the merges")
    equal(student.train_bpe([c + a, a + d, b + c], 3), wanted, "the merges of the same texts in another order")


@train_bpe.case("never merges across words or texts", points=2)
def boundaries(student, draw):
    a, b = draw.sample("bcdfghjklmnpqrstvwxyz", 2)
    equal(student.train_bpe([a, b] * 5, 3), [], "the merges of texts with one letter")
    text = f"{a} {b}. {a} {b}. {a} {b}."
    equal(student.train_bpe([text], 2), trained([text], 2), "the merges of a text with short words")


@train_bpe.case("stops when no pair is left", points=1)
def runs_out(student, draw):
    letters = "".join(draw.sample("bcdfghjklmnpqrstvwxyz", 3))
    equal(len(student.train_bpe([letters], 50)), 2, "the number of merges for a word of three letters")
    equal(student.train_bpe([], 5), [], "the merges of no texts")
    equal(student.train_bpe([letters], 0), [], "no merges")


@train_bpe.case("works on bytes, so that no script is foreign to it", points=2)
def any_script(student, draw):
    letter, others = draw.choice("éëñöß"), draw.sample("bcdfghjklmnpqrstvwxyz", 8)
    texts = [others[i] + letter + others[i + 1] for i in range(7)]  # only the letter's own two bytes meet often
    equal(student.train_bpe(texts, 1), [byte_ids(letter)], "the merges")
    large, small, other = others[0].upper(), others[0], others[1]
    texts = [small + other, large + other, large + other]
    equal(student.train_bpe(texts, 1), [(byte_id(large), byte_id(other))], "the merges, in which A is not a")
    equal(len(student.train_bpe(["🦊"], 9)), 3, "the number of merges for an emoji of four bytes")
