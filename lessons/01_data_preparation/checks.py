"""What the exercises of lesson 01 must do, case by case."""

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from random import Random

import numpy as np

from storyteller.tokenizer import BYTE_TOKENS, END_OF_TEXT, Tokenizer, byte_ids
from storyteller_course import Exercise, close, equal, raises, true
from storyteller_course.parts.data_preparation import as_vocabulary

# --- Oracles: other ways to the same results ------------------------------------------------------------------------

WORDS = (
    "fox", "owl", "Mia", "Tom", "ran", "saw", "a", "the", "lantern", "river", "moon", "and", "song", "little", "brave",
    "found", "gave", "home", "star",
)  # fmt: skip


def sentence(draw, words=6):
    """A sentence of made-up words."""
    text = " ".join(draw.choice(WORDS) for _ in range(words))
    return text[0].upper() + text[1:] + draw.choice(".!?")


def story(draw, paragraphs=3):
    """A clean story: paragraphs of two sentences."""
    return "\n\n".join(f"{sentence(draw)} {sentence(draw)}" for _ in range(paragraphs))


def misread(text):
    """UTF-8 bytes read as Windows-1252, as a careless program does it."""
    return text.encode("utf-8").decode("cp1252", errors="ignore")


def joined(word, pair, new_id):
    """A pair merged by Python's own text search: one character stands for one token."""
    left, right = map(chr, pair)
    return tuple(map(ord, "".join(map(chr, word)).replace(left + right, chr(new_id))))


def trained(texts, n_merges):
    """The merges that the library's trainer learns, as pairs of ids."""
    vocabulary = Tokenizer.train(texts, vocab_size=256 + n_merges, special_tokens=()).vocabulary
    return [(vocabulary.tokens[left], vocabulary.tokens[right]) for left, right in vocabulary.merges]


def without_ties(draw, n_merges):
    """Texts in which the most frequent pair stands alone at each of the first merges."""
    return list(_search_without_ties(draw.getrandbits(32), n_merges))


@lru_cache(maxsize=64)  # a diagnosis asks for the same texts again and again
def _search_without_ties(seed, n_merges):
    dice = Random(seed)
    while True:
        words = ["".join(dice.choice("oxe") for _ in range(dice.randint(2, 5))) for _ in range(120)]
        rows = Counter(byte_ids(word) for word in words)
        for rank, pair in enumerate(trained(words, n_merges)):
            counts = slow_counts(rows).most_common(2)
            if counts[0][1] == counts[-1][1]:
                break
            rows = Counter({joined(row, pair, 256 + rank): count for row, count in rows.items()})
        else:
            return words


def tokenizer_of(merges):
    """The library's tokenizer with these merges."""
    return Tokenizer(as_vocabulary(merges))


def byte_id(letter):
    """The id of one ASCII letter."""
    return byte_ids(letter)[0]


# --- 1. Clean a story -----------------------------------------------------------------------------------------------

clean_story = Exercise(
    "clean_story",
    points=12,
    stars=2,
    hints=(
        "Six steps, each one or two lines, each taking the text and giving a better one. Which of them need a "
        "table, and which a pattern?",
        "Steps 2 and 3 are loops with `str.replace`. Step 4 is `TAG.sub(...)`. For step 5 cut the text at its line "
        'breaks; what does `" ".join(line.split())` make of a line?',
        "Step 2 goes through `sorted(MOJIBAKE, key=len, reverse=True)`. For step 6 look at every match of "
        "`SENTENCE_END.finditer(text)`: a match has an `end()`, and you need the last one.",
    ),
    forbidden=("ftfy.fix_text", "storyteller.corpus.clean.clean_text", "storyteller.corpus.clean.trim_cut"),
)


@clean_story.case("takes every kind of line end", points=2)
def line_ends(student, draw):
    wanted = story(draw)
    equal(student.clean_story(wanted.replace("\n", "\r\n")), wanted, "the story from Windows")
    equal(student.clean_story(wanted.replace("\n", "\r")), wanted, "the story from an old Mac")


@clean_story.case("mends characters that were read in the wrong encoding", points=2)
def mojibake(student, draw):
    name = draw.choice(["José", "Renée", "Begoña"])
    right = f"{name} didn’t run — not yet… {sentence(draw)} “Now,” said {draw.choice(WORDS)}."
    wanted = right.replace("“", '"').replace("”", '"').replace("’", "'")
    equal(student.clean_story(misread(right)), wanted, "the mended story")
    equal(student.clean_story(f"{wanted} “No”, said {name}."), f'{wanted} "No", said {name}.', "what was never broken")


@clean_story.case("makes curly quotes straight", points=2)
def quotes(student, draw):
    who, said = draw.choice(WORDS), sentence(draw)
    equal(student.clean_story(f"It isn’t {who}’s."), f"It isn't {who}'s.", "the apostrophes")
    equal(student.clean_story(f"“{said}” said ‘{who}’."), f"\"{said}\" said '{who}'.", "the quotes")


@clean_story.case("takes tags out and leaves the words beside them apart", points=2)
def tags(student, draw):
    first, second = sentence(draw), sentence(draw)
    equal(student.clean_story(f"[WP] {first}<br>{second}"), f"{first} {second}", "the story with a label and <br>")
    equal(
        student.clean_story(f"{first} <i>{second}</i>{END_OF_TEXT}"), f"{first} {second}", "the story with an end mark"
    )
    kept = f"She drew a <3 and a [heart] for 2 > 1. {first}"
    equal(student.clean_story(f"[ EU ] {kept}"), kept, "what only looks like a tag")


@clean_story.case("lays out paragraphs and spaces", points=1)
def layout(student, draw):
    wanted = story(draw)
    messy = "  " + wanted.replace(" ", draw.choice([" ", "  "]), 3).replace("\n\n", " \n \n\n\t") + " \n"
    equal(student.clean_story(messy), wanted, "the story")
    equal(student.clean_story(wanted.replace("\n\n", "\n")), wanted, "the story with single line breaks")


@clean_story.case("cuts back to the last whole sentence", points=2)
def cut_end(student, draw):
    wanted = story(draw) + f' Then {draw.choice(WORDS)} called, "Stop!"'
    equal(student.clean_story(wanted + " And the lantern cost 1.5 coi"), wanted, "the story that was cut off")
    equal(student.clean_story(wanted), wanted, "the story that was not cut off")
    equal(student.clean_story("Once upon a time there was a " + draw.choice(WORDS)), "", "a text without a sentence")


@clean_story.case("does it all at once, and leaves a clean story alone", points=1)
def together(student, draw):
    wanted = story(draw) + '\n\n"It isn\'t far," said Zoé.'
    raw = (
        "[ WP ]" + misread(wanted.replace("'", "’").replace('"It', "“It")).replace("\n\n", " \r\n\r\n") + " <b>She wen"
    )
    equal(student.clean_story(raw), wanted, "the story")
    equal(student.clean_story(wanted), wanted, "the clean story")


# --- 2. Bug hunt: one story, one text -------------------------------------------------------------------------------

split_corpus = Exercise(
    "split_corpus",
    points=7,
    stars=1,
    bug_hunt=True,
    hints=(
        "Run it on a file with two stories of two paragraphs each and look at what comes back, with `repr`. How "
        "many texts are there, and how many should there be?",
        "What tells two stories apart in the file, and what only tells two paragraphs apart? And what does "
        '`"Tom".replace("", "-")` give?',
        "Cut the file at `END_OF_TEXT` instead of removing it first. The first argument of `replace` has lost its "
        "curly apostrophe: put it back.",
    ),
)


def corpus_file(draw, n_stories, paragraphs):
    """A file of stories with end marks, and the stories."""
    stories = [story(draw, paragraphs) for _ in range(n_stories)]
    return "".join(f"{text}\n{END_OF_TEXT}\n" for text in stories), [text + END_OF_TEXT for text in stories]


@split_corpus.case("keeps the paragraphs of a story together", points=3)
def whole_stories(student, draw):
    close_set = "\n".join([sentence(draw), sentence(draw)])  # a story without blank lines
    equal(student.split_corpus(f"{close_set}\n{END_OF_TEXT}\n", 0.0), ([close_set + END_OF_TEXT], []), "the texts")
    raw, texts = corpus_file(draw, 4, paragraphs=3)
    equal(student.split_corpus(raw, 0.25), (texts[:3], texts[3:]), "training and validation texts")


@split_corpus.case("leaves no story with one foot in training and one in validation", points=2)
def no_straddling(student, draw):
    raw, texts = corpus_file(draw, 5, paragraphs=2)
    train, validation = student.split_corpus(raw, 0.4)
    home = {paragraph: i for i, text in enumerate(texts) for paragraph in text.removesuffix(END_OF_TEXT).split("\n\n")}
    sides = [
        {home.get(part) for text in side for part in text.removesuffix(END_OF_TEXT).split("\n\n")}
        for side in (train, validation)
    ]
    both = sorted(i for i in sides[0] & sides[1] if i is not None)
    true(not both, f"Story {both[0] + 1 if both else 0} of the file is partly in training and partly in validation.")
    equal([len(train), len(validation)], [3, 2], "the numbers of training and validation texts")


@split_corpus.case("makes apostrophes straight and changes nothing else", points=2)
def apostrophes(student, draw):
    texts = [f"{draw.choice(WORDS)}’s {sentence(draw)}" for _ in range(2)]
    raw = "".join(f"{text}\n{END_OF_TEXT}\n" for text in texts)
    wanted = [text.replace("’", "'") + END_OF_TEXT for text in texts]
    equal(student.split_corpus(raw, 0.5), (wanted[:1], wanted[1:]), "training and validation texts")


@split_corpus.case("still divides stories of one paragraph", points=0)
def one_paragraph(student, draw):
    raw, texts = corpus_file(draw, 10, paragraphs=1)
    equal(student.split_corpus(raw, 0.2), (texts[:8], texts[8:]), "training and validation texts")
    equal(student.split_corpus(raw, 0.0), (texts, []), "the texts with nothing held out")


@split_corpus.case("still leaves out empty stories", points=0)
def empty_stories(student, draw):
    text = sentence(draw)
    raw = f"{END_OF_TEXT}\n  {text}\n{END_OF_TEXT}\n\n{END_OF_TEXT}\n"
    equal(student.split_corpus(raw, 0.0), ([text + END_OF_TEXT], []), "training and validation texts")


# --- 3. Corpus statistics -------------------------------------------------------------------------------------------

length_statistics = Exercise(
    "length_statistics",
    points=10,
    stars=1,
    hints=(
        "Percentiles are about order: sort the lengths first. Then index 0 is the 0th percentile and the last index"
        " the 100th.",
        "With n lengths the place of percentile p is p / 100 * (n - 1). It usually falls between two indices: "
        "`int(place)` is the lower one.",
        "The value is lower + fraction * (upper - lower), where fraction = place - int(place). At p = 100 there is "
        "no index above: take care that you do not read past the end.",
    ),
    forbidden=("numpy.percentile", "numpy.quantile", "numpy.median", "statistics.quantiles", "statistics.median"),
)


def texts_of(lengths, draw):
    """Texts with so many words."""
    return [" ".join(draw.choice(WORDS) for _ in range(length)) for length in lengths]


@length_statistics.case("counts texts and words, and finds mean, shortest and longest", points=2)
def totals(student, draw):
    lengths = draw.sample(range(3, 40), 7)
    got = student.length_statistics(texts_of(lengths, draw))
    names = ("texts", "words", "shortest", "longest")
    wanted = dict(zip(names, (7, sum(lengths), min(lengths), max(lengths)), strict=True))
    equal({name: got.get(name) for name in wanted}, wanted, "the statistics")
    close(got.get("mean"), np.mean(lengths), "the mean")


@length_statistics.case("interpolates percentiles between two lengths", points=3)
def between(student, draw):
    lengths = draw.sample(range(10, 90), 8)
    got = student.length_statistics(texts_of(lengths, draw))["percentiles"]
    close(got, {p: np.percentile(lengths, p) for p in (5, 50, 95)}, "the percentiles")


@length_statistics.case("reaches from the shortest (0) to the longest (100)", points=2)
def ends(student, draw):
    lengths = draw.sample(range(10, 90), 6)
    got = student.length_statistics(texts_of(lengths, draw), (0, 100))["percentiles"]
    close(got, {0: min(lengths), 100: max(lengths)}, "the percentiles")
    close(student.length_statistics(["a b c"])["percentiles"], {5: 3, 50: 3, 95: 3}, "the percentiles of one text")


@length_statistics.case("computes the percentiles that it is asked for", points=1)
def others(student, draw):
    lengths = draw.sample(range(10, 90), 11)
    asked = (10, 10 * draw.randint(3, 7), 90)  # places without a fraction
    got = student.length_statistics(texts_of(lengths, draw), asked)["percentiles"]
    close(got, {p: np.percentile(lengths, p) for p in asked}, "the percentiles")


@length_statistics.case("takes a word for what stands between white space of any kind", points=1)
def white_space(student, draw):
    text = sentence(draw) + "\n\n" + sentence(draw) + "  " + sentence(draw)
    equal(student.length_statistics([text, ""]).get("words"), 18, "the number of words")


@length_statistics.case("refuses an empty corpus with a ValueError", points=1)
def no_text(student, draw):
    raises(ValueError, student.length_statistics, [])


# --- 4. Count pairs -------------------------------------------------------------------------------------------------

count_pairs = Exercise(
    "count_pairs",
    points=8,
    stars=1,
    hints=(
        "Two loops: one over the words with their counts, one over the neighbours inside a word.",
        "`pairwise(word)` gives the pairs of neighbours of a word, overlapping ones too.",
        "A pair that is not in the dictionary yet has count 0: `counts.get(pair, 0)`. What do you add to it, for a "
        "word seen nine times?",
    ),
)


def slow_counts(words):
    """Write each word as often as it was seen, and count."""
    written = [word for word, count in words.items() for _ in range(count)]
    return Counter(pair for word in written for pair in pairwise(word))


@count_pairs.case("counts the neighbours in a word", points=2)
def one_word(student, draw):
    a, b, c, d = draw.sample(range(300), 4)
    equal(student.count_pairs({(a, b, c, d): 1}), {(a, b): 1, (b, c): 1, (c, d): 1}, "the counts")


@count_pairs.case("counts a pair as often as its word was seen", points=3)
def word_counts(student, draw):
    a, b, c, d = sorted(draw.sample(range(300), 4))
    words = {(d, c, b): draw.randint(2, 5), (c, b): draw.randint(6, 9), (b, c, a): draw.randint(10, 12)}
    equal(student.count_pairs(words), slow_counts(words), "the counts")


@count_pairs.case("counts pairs that overlap", points=2)
def overlapping(student, draw):
    a, b = draw.sample(range(300), 2)
    words = {(a, a, a): 1, (b, a, a, a, a): 1}
    equal(student.count_pairs(words), slow_counts(words), "the counts")


@count_pairs.case("finds no pair where there is none", points=1)
def no_pair(student, draw):
    equal(student.count_pairs({}), {}, "the counts of no words")
    equal(student.count_pairs({(7,): 3, (draw.randint(8, 99),): 2}), {}, "the counts of words with one token")


# --- 5. Merge a pair ------------------------------------------------------------------------------------------------

merge_pair = Exercise(
    "merge_pair",
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


# --- 6. Train -------------------------------------------------------------------------------------------------------

train_bpe = Exercise(
    "train_bpe",
    points=18,
    stars=3,
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
        "storyteller_course.parts.data_preparation.train_bpe",
        "storyteller_course.parts.data_preparation.train_bpe_fast",
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


@train_bpe.case("settles ties by the smallest ids, not by who came first", points=4)
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
    equal(len(student.train_bpe(["🦊"], 9)), 3, "the number of merges for an emoji of four bytes")


# --- 7. Encode a word by rank ---------------------------------------------------------------------------------------

encode_word = Exercise(
    "encode_word",
    points=13,
    stars=3,
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


# --- 8. Bug hunt: encode any text -----------------------------------------------------------------------------------

encode = Exercise(
    "encode",
    points=7,
    stars=2,
    builds_on=("encode_word",),
    bug_hunt=True,
    hints=(
        "Encode a short text without any merges (`merges=[]`), decode the ids and compare. What is missing? Try "
        "spaces, then a name such as Zoë, then an emoji.",
        "Two lines lose something. One throws away what stands between the words, the other every letter that is "
        "not one byte, and it takes é for a byte that it is not.",
        "You were given two helpers in the first cell of this notebook: one cuts a text so that the pieces, joined,"
        " are the text, the other gives the ids of a word's bytes.",
    ),
    forbidden=("storyteller.tokenizer.Tokenizer.encode", "storyteller_course.parts.data_preparation.encode"),
)


@encode.case("keeps the spaces between words", points=3)
def spaces(student, draw):
    text = f"Once upon a time {draw.choice(WORDS)} {sentence(draw)}"
    equal(student.encode(text, []), byte_ids(text), "the ids without merges")
    merges = trained([text, story(draw)], 30)
    equal(student.encode(text, merges), tokenizer_of(merges).encode(text), "the ids")


@encode.case("encodes letters of all scripts by their bytes", points=3)
def beyond_ascii(student, draw):
    for word in draw.sample(["naïve", "Zoë", "東京", "🦊", "👩‍🚀", "José", "…"], 3):
        equal(student.encode(word, []), byte_ids(word), f"the ids of {word!r}")
    merges = trained(["Zoë🦊" * 3], 5)
    equal(student.encode("Zoë🦊", merges), tokenizer_of(merges).encode("Zoë🦊"), "the ids")


@encode.case("keeps line breaks and runs of spaces, and merges within words only", points=1)
def words_apart(student, draw):
    text = sentence(draw) + "\n\n" + sentence(draw) + "  " + sentence(draw) + " \n"
    merges = trained([text], 20)
    equal(student.encode(text, merges), tokenizer_of(merges).encode(text), "the ids")
    # No training learns this merge, for no word holds a letter and a full stop; but a list of merges may.
    letter, stop = byte_id(draw.choice("bcdfg")), byte_id(".")
    text = BYTE_TOKENS[letter].decode() + "."
    equal(student.encode(text, [(letter, stop)]), [letter, stop], "the ids of two words with a merge across them")


@encode.case("still encodes a single word", points=0)
def single_word(student, draw):
    word = draw.choice(WORDS)
    merges = trained([word] * 2, 3)
    equal(student.encode(word, merges), tokenizer_of(merges).encode(word), "the ids")
    equal(student.encode("", merges), [], "the ids of the empty text")


# --- 9. Decode ------------------------------------------------------------------------------------------------------

decode = Exercise(
    "decode",
    points=8,
    stars=1,
    hints=(
        "A token is some bytes. First find the bytes of every token, then join the bytes of the ids you were given.",
        "Go through the merges in order: the bytes of a new token are those of its left token followed by those of "
        "its right one, and both are in your list already.",
        'Join first, decode after: one letter\'s bytes may lie in two tokens. `bytes.decode` takes errors="replace".'
        " And mind that a list answers to index -1.",
    ),
    forbidden=("storyteller.tokenizer.Tokenizer.decode", "storyteller.tokenizer.Tokenizer.decode_bytes"),
)


@decode.case("gives back the text", points=2)
def round_trip(student, draw):
    text = story(draw)
    merges = trained([text], 40)
    equal(student.decode(list(byte_ids(text)), []), text, "the text from bytes alone")
    equal(student.decode(tokenizer_of(merges).encode(text), merges), text, "the text")
    equal(student.decode([], merges), "", "the text of no ids")


@decode.case("puts letters together whose bytes lie in different tokens", points=3)
def split_letters(student, draw):
    text = draw.choice(["Zoë saw a 🦊.", "東京 and 🐉", "José, 👩‍🚀 and naïve Renée"])
    equal(student.decode(list(byte_ids(text)), []), text, "the text")
    merges = trained([text, "a the"], 6)
    equal(student.decode(tokenizer_of(merges).encode(text), merges), text, "the text")


@decode.case("shows bytes that are not UTF-8 as U+FFFD", points=2)
def not_utf8(student, draw):
    emoji = draw.choice("🦊🐉🌙")
    half = [*byte_ids("a fox "), *byte_ids(emoji)[:2], *byte_ids("!")]
    equal(student.decode(half, []), "a fox \ufffd!", "the text with half an emoji")
    ids = [draw.randrange(256) for _ in range(40)]
    equal(student.decode(ids, []), tokenizer_of([]).decode(ids), "the text of forty random bytes")


@decode.case("refuses an id that is not in the vocabulary with a ValueError", points=1)
def unknown_id(student, draw):
    merges = trained([story(draw)], 10)
    equal(student.decode([256 + 9], merges), tokenizer_of(merges).decode([265]), "the text of the last token")
    raises(ValueError, student.decode, [0, 256 + 10], merges)
    raises(ValueError, student.decode, [0, -1], merges)


# --- 10. Compression ------------------------------------------------------------------------------------------------

compression = Exercise(
    "compression",
    points=7,
    stars=1,
    hints=(
        "Three sums over all texts: bytes, words, tokens. Then two divisions.",
        'The bytes of a text are `text.encode("utf-8")`; `len(text)` counts characters.',
        "Divide the sums and do not average the quotients: a text of one word would weigh as much as a whole book.",
    ),
)


@compression.case("divides bytes by tokens and tokens by words", points=2)
def by_hand(student, draw):
    n = draw.randint(2, 5)
    got = student.compression(["fox " * n + "owl"], [list(range(2 * (n + 1)))])
    close(got, ((4 * n + 3) / (2 * n + 2), 2.0), "bytes per token, tokens per word")


@compression.case("counts bytes, not characters", points=2)
def bytes_count(student, draw):
    text = draw.choice(["Zoë 🦊", "東京 ran", "naïve José"])
    n_bytes = len(list(byte_ids(text)))
    close(student.compression([text], [[1, 2, 3, 4]]), (n_bytes / 4, 2.0), "bytes per token, tokens per word")


@compression.case("takes all texts together", points=2)
def all_texts(student, draw):
    texts = [sentence(draw, 3), sentence(draw, 12), ""]
    encoded = [[0] * draw.randint(8, 12), [0] * draw.randint(14, 20), []]
    n_tokens = len(encoded[0]) + len(encoded[1])
    wanted = (len("".join(texts)) / n_tokens, n_tokens / 15)
    close(student.compression(texts, encoded), wanted, "bytes per token, tokens per word")


@compression.case("takes a word for what stands between white space of any kind", points=1)
def any_white_space(student, draw):
    text = sentence(draw, 4) + "\n\n" + sentence(draw, 4) + "  end."
    close(student.compression([text], [[0] * 18]), (len(text) / 18, 2.0), "bytes per token, tokens per word")


# --- Bonus: WordPiece -----------------------------------------------------------------------------------------------

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


# --- Bonus: counts kept up to date ----------------------------------------------------------------------------------

train_bpe_fast = Exercise(
    "train_bpe_fast",
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
        "storyteller_course.parts.data_preparation.train_bpe",
        "storyteller_course.parts.data_preparation.train_bpe_fast",
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
